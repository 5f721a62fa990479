//! The parameters of a request to Entra, from a form or from a query.

use std::collections::HashMap;

use super::errors::EntraError;

/// The form of a token request. Members nobody knows are ignored: MSAL sends a dozen. Holds credentials, so no `Debug`.
#[derive(Default)]
pub(crate) struct Form(HashMap<String, String>);

impl Form {
    pub(crate) fn parse(body: &[u8]) -> Self {
        Self(url::form_urlencoded::parse(body).into_owned().collect())
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The form with a parameter added, unless it is there already.
    pub(crate) fn or(&self, name: &str, value: Option<&str>) -> Self {
        let mut members = self.0.clone();
        if let (None, Some(value)) = (self.get(name), value) {
            members.insert(name.to_owned(), value.to_owned());
        }
        Self(members)
    }

    pub(crate) fn require(&self, name: &str) -> Result<&str, EntraError> {
        self.get(name).ok_or_else(|| EntraError::missing(name))
    }

    /// The v1 endpoint's `resource` means every permission on it.
    pub(crate) fn accept_resource_parameter(&mut self) {
        if self.get("scope").is_none_or(|scope| scope == "openid")
            && let Some(resource) = self.0.remove("resource")
        {
            self.0.insert("v1_resource".to_owned(), resource.clone());
            self.0.insert("scope".to_owned(), format!("{resource}/.default"));
        }
    }
}
