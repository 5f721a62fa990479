//! How people write a scope.

use cost::{ResourceGroupName, Scope};

use crate::mcp::answer::{Failure, ToolError};
use crate::mcp::foreign;
use crate::mcp::tools::subscription::id_in;

/// A scope as it is written.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// By id or path.
    Scope(Scope),
    /// A subscription by its name.
    Name(String),
    /// A resource group of a subscription by its name.
    Group(String, ResourceGroupName),
}

impl Form {
    /// Whether it takes the names of subscriptions to know what is meant.
    pub(super) const fn is_named(&self) -> bool {
        matches!(self, Self::Name(_) | Self::Group(..))
    }
}

/// A subscription's id in any form, a path with or without its beginning, or a name; with a resource group behind it.
pub(super) fn read(text: &str) -> Result<Form, Failure> {
    let text = text.trim();
    if let Some(id) = id_in(text) {
        return Ok(Form::Scope(Scope::Subscription(id)));
    }
    if let Some((subscription, group)) = group_of(text) {
        return group_in(text, subscription, group);
    }
    let Some(path) = path(text) else { return Ok(Form::Name(text.to_owned())) };
    path.parse().map(Form::Scope).map_err(|error| invalid(&format!("'{text:.200}' is no scope: {error}.")))
}

/// What stands before and behind `/resourceGroups/`.
fn group_of(text: &str) -> Option<(&str, &str)> {
    const BETWEEN: &str = "/resourcegroups/";
    let at = text.to_ascii_lowercase().find(BETWEEN)?;
    let before = text[..at].trim_start_matches('/');
    let subscription = before
        .get(.."subscriptions/".len())
        .filter(|word| word.eq_ignore_ascii_case("subscriptions/"))
        .map_or(before, |word| &before[word.len()..]);
    Some((subscription.trim(), text[at + BETWEEN.len()..].trim_end_matches('/')))
        .filter(|(subscription, _)| !subscription.is_empty())
}

fn group_in(text: &str, subscription: &str, group: &str) -> Result<Form, Failure> {
    if let Some((group, _)) = group.split_once('/') {
        let group = format!("{subscription}/resourceGroups/{group}");
        return Err(invalid(&format!(
            "'{text:.200}' is a resource. Ask its resource group, {group}, with \"filter\": {{\"ResourceId\": [\"…\"]}}."
        )));
    }
    let name = group.parse().map_err(|error| invalid(&format!("'{text:.200}' is no scope: {error}.")))?;
    Ok(match id_in(subscription) {
        Some(subscription) => Form::Scope(Scope::ResourceGroup { subscription, name }),
        None => Form::Group(subscription.to_owned(), name),
    })
}

fn invalid(detail: &str) -> Failure {
    ToolError::new("invalid_arguments", foreign::message(detail)).into()
}

/// The whole path, where a text is one: some leave out its beginning.
fn path(text: &str) -> Option<String> {
    const BEGINNINGS: [(&str, &str); 6] = [
        ("subscriptions", ""),
        ("providers", ""),
        ("microsoft.management", "providers/"),
        ("microsoft.billing", "providers/"),
        ("managementgroups", "providers/Microsoft.Management/"),
        ("billingaccounts", "providers/Microsoft.Billing/"),
    ];
    let path = text.trim_matches('/');
    let first = path.split('/').next()?.to_ascii_lowercase();
    let beginning = BEGINNINGS.iter().find(|(word, _)| *word == first).map(|(_, before)| *before);
    match beginning {
        Some(before) if path.contains('/') => Some(format!("/{before}{path}")),
        _ => text.starts_with('/').then(|| text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "10000000-0000-4000-8000-000000000001";

    fn scope(text: &str) -> String {
        match read(text) {
            Ok(Form::Scope(scope)) => scope.to_string(),
            Ok(Form::Name(name)) => format!("name {name}"),
            Ok(Form::Group(subscription, name)) => format!("group {name} of {subscription}"),
            Err(Failure::Tool(error)) => error.detail().to_owned(),
            Err(failure) => panic!("{}", failure.code()),
        }
    }

    #[test]
    fn every_form_is_read() {
        let subscription = format!("/subscriptions/{ID}");
        for text in [
            ID.to_owned(),
            format!("{{{ID}}}"),
            ID.replace('-', ""),
            format!(" subscriptions/{ID}/ "),
            format!("Prod ({ID})"),
        ] {
            assert_eq!(scope(&text), subscription, "{text}");
        }
        for (text, path) in [
            (format!("subscriptions/{ID}/resourcegroups/web/"), format!("{subscription}/resourceGroups/web")),
            ("managementGroups/contoso".to_owned(), "/providers/Microsoft.Management/managementGroups/contoso".to_owned()),
            ("Microsoft.Management/managementGroups/contoso".to_owned(), "/providers/Microsoft.Management/managementGroups/contoso".to_owned()),
            ("billingAccounts/8611537".to_owned(), "/providers/Microsoft.Billing/billingAccounts/8611537".to_owned()),
            (
                "/providers/Microsoft.Billing/billingAccounts/a:b_2019-05-31/billingProfiles/P1/invoiceSections/S1".to_owned(),
                "/providers/Microsoft.Billing/billingAccounts/a:b_2019-05-31/billingProfiles/P1/invoiceSections/S1".to_owned(),
            ),
        ] {
            assert_eq!(scope(&text), path, "{text}");
        }
        for name in ["Contoso Prod", "Subscriptions", "R&D / Web"] {
            assert_eq!(scope(name), format!("name {name}"));
        }
        for (text, group) in [
            ("Contoso Prod/resourceGroups/rg-web", "group rg-web of Contoso Prod"),
            (" /Contoso Prod/resourcegroups/rg-web/ ", "group rg-web of Contoso Prod"),
            ("subscriptions/Contoso Prod/resourceGroups/rg.web", "group rg.web of Contoso Prod"),
            ("R&D / Web/ResourceGroups/web", "group web of R&D / Web"),
        ] {
            assert_eq!(scope(text), group, "{text}");
        }
        for text in [format!("{ID}/resourceGroups/web"), format!("Prod ({ID})/resourceGroups/web")] {
            assert_eq!(scope(&text), format!("{subscription}/resourceGroups/web"), "{text}");
        }
    }

    #[test]
    fn what_is_no_scope_is_said() {
        for subscription in [ID, "Contoso Prod"] {
            let group = format!("{subscription}/resourceGroups/web");
            let vm = scope(&format!("/subscriptions/{group}/providers/Microsoft.Compute/virtualMachines/vm"));
            assert!(vm.contains(&format!("Ask its resource group, {group}, with ")), "{vm}");
        }
        let tags = format!("/subscriptions/{ID}/tags/x");
        for text in [
            "/subscriptions/x",
            "/nothing",
            "billingAccounts/..",
            "Prod/resourceGroups/a b",
            "Prod/resourceGroups/",
            "/resourceGroups/web",
            &tags,
        ] {
            assert!(scope(text).contains("is no scope: "), "{text}: {}", scope(text));
        }
    }
}
