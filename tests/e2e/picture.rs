//! The picture in the README shows what the stack answers today.

use e2e::{Stack, picture};

const KEPT: &str = include_str!("../../docs/alice-and-bob.svg");

#[tokio::test]
async fn the_picture_of_alice_and_bob_is_what_the_stack_answers() {
    let stack = Stack::start().await;
    let mut answers = Vec::new();
    for (person, _) in picture::PEOPLE {
        answers.push(picture::ask(&stack.caller, &stack.token(person)).await);
    }
    assert!(answers[0].contains("EUR") && answers[1].contains("Cost Management Reader"), "{answers:?}");
    assert!(picture::draw([&answers[0], &answers[1]]) == KEPT, "make picture draws it anew: {answers:?}");
}
