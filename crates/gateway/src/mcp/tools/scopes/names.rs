//! Subscriptions by the names that people write.

use cost::{Scope, Subscription, folded, steps};

use super::form::Form;
use crate::mcp::answer::ToolError;
use crate::mcp::foreign;
use crate::mcp::tools::ask::fields::MOST_SCOPES;
use crate::mcp::tools::subscription::{ambiguous, not_found};
use crate::mcp::tools::told::Failed;

/// The scopes that are meant, with the names of those that were named; and the names that mean none, or more than one.
pub(super) fn look_up(
    forms: Vec<Form>,
    seen: &[Subscription],
) -> (Vec<(Scope, Option<String>)>, Vec<Failed>) {
    let (mut found, mut unseen) = (Vec::new(), Vec::new());
    for form in forms {
        match form {
            Form::Scope(scope) => found.push((scope, None)),
            Form::Name(name) => match named(seen, &name) {
                Ok(one) => found.push((Scope::Subscription(one.id), Some(one.display_name.clone()))),
                Err(error) => unseen.push(unknown(&name, *error)),
            },
            Form::Group(subscription, name) => match named(seen, &subscription) {
                Ok(one) => found.push((
                    Scope::ResourceGroup { subscription: one.id, name },
                    Some(one.display_name.clone()),
                )),
                Err(error) => unseen.push(unknown(&format!("{subscription}/resourceGroups/{name}"), *error)),
            },
        }
    }
    (found, unseen)
}

/// What was asked for by a name that means no subscription, or several.
fn unknown(asked: &str, error: ToolError) -> Failed {
    let called = format!("'{}'", foreign::name(asked));
    Failed { scope: foreign::exact(asked), name: None, called, error }
}

/// The one subscription of a name.
fn named<'a>(seen: &'a [Subscription], name: &str) -> Result<&'a Subscription, Box<ToolError>> {
    match &all_named(seen, name)?[..] {
        [only] => Ok(only),
        several => {
            let several: Vec<_> = several.iter().map(|&one| one.clone()).collect();
            Err(ambiguous(&several).into())
        }
    }
}

/// The subscriptions of a name, at least one.
pub(super) fn all_named<'a>(
    seen: &'a [Subscription],
    name: &str,
) -> Result<Vec<&'a Subscription>, Box<ToolError>> {
    // There and back, for some letters have one capital and several small forms.
    let compared = |name: &str| name.trim().to_lowercase().to_uppercase().to_lowercase();
    let wanted = compared(name);
    let matching: Vec<_> = seen.iter().filter(|one| compared(&one.display_name) == wanted).collect();
    if !matching.is_empty() {
        return Ok(matching);
    }
    let (total, wanted) = (seen.len(), folded(name));
    let mut nearest = seen.to_vec();
    nearest.sort_by_key(|one| steps(&wanted, &folded(&one.display_name)));
    nearest.truncate(MOST_SCOPES);
    Err(not_found(&nearest, total).into())
}

#[cfg(test)]
pub(super) mod tests {
    use cost::Client;
    use serde_json::json;
    use wiremock::matchers::any;
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;
    use crate::mcp::tools::told::Partial;

    #[test]
    fn a_name_that_is_not_seen_fails_no_other_scope() {
        let prod: Scope = "/subscriptions/10000000-0000-4000-8000-000000000001".parse().unwrap();
        let forms = vec![Form::Name("Nope_\u{7}".to_owned()), Form::Scope(prod.clone())];
        let (found, unseen) = look_up(forms, &[]);
        assert_eq!(found, [(prod, None)]);
        let told: Vec<_> = unseen.iter().map(|failed| (failed.scope.as_str(), failed.error.code())).collect();
        assert_eq!(told, [("Nope_\u{7}", "subscription_not_found")]);
        assert!(unseen[0].error.detail().starts_with("You see no "), "{}", unseen[0].error.detail());
    }

    /// Subscriptions of these names, as Azure lists them.
    pub(in crate::mcp::tools::scopes) async fn seen(names: &[&str]) -> Vec<Subscription> {
        let entry = |(number, name): (usize, &&str)| {
            let id = format!("10000000-0000-4000-8000-{:012}", number + 1);
            json!({"subscriptionId": id, "displayName": name, "state": "Enabled"})
        };
        let all: Vec<_> = names.iter().enumerate().map(entry).collect();
        let azure = MockServer::start().await;
        let listed = ResponseTemplate::new(200).set_body_json(json!({"value": all}));
        Mock::given(any()).respond_with(listed).mount(&azure).await;
        let http = identity::outbound::local_client().unwrap();
        let client = Client::new(http, azure.uri().parse().unwrap(), Vec::new());
        client.subscriptions(&"token".into()).await.unwrap()
    }

    #[tokio::test]
    async fn a_group_is_found_in_the_subscription_of_a_name() {
        let all = seen(&["Prod", "Twin", "twin"]).await;
        let group = |subscription: &str| Form::Group(subscription.to_owned(), "web".parse().unwrap());
        let forms = vec![group("prod"), group("Twin"), group("Nope"), Form::Name("TWIN".to_owned())];
        let (found, unseen) = look_up(forms, &all);
        let found: Vec<_> = found.iter().map(|(scope, name)| (scope.to_string(), name.as_deref())).collect();
        let path = "/subscriptions/10000000-0000-4000-8000-000000000001/resourceGroups/web";
        assert_eq!(found, [(path.to_owned(), Some("Prod"))]);
        let told: Vec<_> = unseen.iter().map(|failed| (failed.scope.as_str(), failed.error.code())).collect();
        let (twin, nope) = ("Twin/resourceGroups/web", "Nope/resourceGroups/web");
        let ambiguous = "subscription_ambiguous";
        assert_eq!(told, [(twin, ambiguous), (nope, "subscription_not_found"), ("TWIN", ambiguous)]);
        // In an answer they are told with what to do.
        let partial = serde_json::to_value(Partial::from(&unseen[2])).unwrap();
        assert_eq!((&partial["scope"], &partial["code"]), (&json!("TWIN"), &json!(ambiguous)));
        assert!(
            partial["detail"].as_str().unwrap().contains("ask again with one of their ids: 1000"),
            "{partial}"
        );
    }
}
