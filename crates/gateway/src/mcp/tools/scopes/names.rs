//! Subscriptions by the names that people write.

use cost::{Scope, Subscription};

use super::form::Form;
use crate::mcp::answer::ToolError;
use crate::mcp::foreign;
use crate::mcp::tools::ask::fields::MOST_SCOPES;
use crate::mcp::tools::ask::nearest::{folded, steps};
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
                Err(error) => unseen.push(Failed {
                    scope: foreign::exact(&name),
                    name: None,
                    called: format!("'{}'", foreign::name(&name)),
                    error: *error,
                }),
            },
        }
    }
    (found, unseen)
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
mod tests {
    use super::*;

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
}
