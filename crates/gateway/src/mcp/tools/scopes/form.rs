//! How people write a scope.

use cost::Scope;

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
}

/// A subscription's id in any form, a path with or without its beginning, or a name.
pub(super) fn read(text: &str) -> Result<Form, Failure> {
    let text = text.trim();
    if let Some(id) = id_in(text) {
        return Ok(Form::Scope(Scope::Subscription(id)));
    }
    let Some(path) = path(text) else { return Ok(Form::Name(text.to_owned())) };
    if let Some(group) = resource_within(&path) {
        return Err(invalid(&format!(
            "'{text:.200}' is a resource. Ask its resource group, {group}, with \"filter\": {{\"ResourceId\": [\"…\"]}}."
        )));
    }
    path.parse().map(Form::Scope).map_err(|error| invalid(&format!("'{text:.200}' is no scope: {error}.")))
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

/// The resource group's path, where what stands behind it is a resource.
fn resource_within(path: &str) -> Option<String> {
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let is = |at: usize, word: &str| parts.get(at).is_some_and(|part| part.eq_ignore_ascii_case(word));
    let is_resource = parts.len() > 4 && is(0, "subscriptions") && is(2, "resourcegroups");
    is_resource.then(|| format!("/{}", parts[..4].join("/")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "10000000-0000-4000-8000-000000000001";

    fn scope(text: &str) -> String {
        match read(text) {
            Ok(Form::Scope(scope)) => scope.to_string(),
            Ok(Form::Name(name)) => format!("name {name}"),
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
    }

    #[test]
    fn what_is_no_scope_is_said() {
        let vm =
            format!("/subscriptions/{ID}/resourceGroups/web/providers/Microsoft.Compute/virtualMachines/vm");
        assert!(
            scope(&vm).contains(&format!("Ask its resource group, /subscriptions/{ID}/resourceGroups/web")),
            "{}",
            scope(&vm)
        );
        for text in
            ["/subscriptions/x", "/nothing", "billingAccounts/..", &format!("/subscriptions/{ID}/tags/x")]
        {
            assert!(scope(text).contains("is no scope: "), "{text}: {}", scope(text));
        }
    }
}
