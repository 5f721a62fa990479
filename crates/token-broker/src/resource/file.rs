//! The resources file: names, scopes and permissions of further downstream APIs.
//!
//! ```toml
//! [resources.storage]
//! scopes = ["https://storage.azure.com/user_impersonation"]
//! permission = "Azure Storage user_impersonation"
//! ```
//!
//! What Entra ID would refuse for every user (scopes of several resources, a scope that names none) is refused here,
//! at start.

use std::collections::BTreeSet;
use std::path::Path;

use serde::Deserialize;
use url::Url;
use uuid::Uuid;
use watched::{self, WatchError};

use super::Resource;
use crate::toml_file::{FileError, TomlFile};

const MAX_RESOURCES: usize = 64;
const MAX_SCOPES: usize = 20;
const MAX_SCOPE_LEN: usize = 256;
/// What fits the contract's metadata.
const MAX_PERMISSION_LEN: usize = 200;

/// Scopes of OpenID Connect: they belong to no downstream resource, and `offline_access` would bring refresh tokens
/// that nobody keeps.
const OPENID_SCOPES: [&str; 5] = ["openid", "profile", "email", "address", "offline_access"];

/// A resources file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("BROKER_RESOURCES_FILE cannot be used")]
pub struct ResourcesError(#[source] Cause);

#[derive(Debug, thiserror::Error)]
enum Cause {
    #[error(transparent)]
    Unreadable(#[from] WatchError),
    #[error(transparent)]
    File(#[from] FileError),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    scopes: Vec<String>,
    permission: String,
}

/// Reads the resources of a file.
pub(super) fn load(path: &Path) -> Result<Vec<Resource>, ResourcesError> {
    let content = watched::read(path).map_err(|error| ResourcesError(error.into()))?;
    parse(path, &content).map_err(|error| ResourcesError(error.into()))
}

fn parse(path: &Path, content: &[u8]) -> Result<Vec<Resource>, FileError> {
    let file = TomlFile::<Entry>::parse(path, "resources", content)?;
    let resources = file
        .entries()
        .map(|(name, entry)| resource(name, entry).map_err(|problem| file.error(name, problem)))
        .collect::<Result<Vec<_>, _>>()?;
    if resources.len() > MAX_RESOURCES {
        return Err(file.whole(format!("it names more than {MAX_RESOURCES} resources")));
    }
    Ok(resources)
}

fn resource(name: &str, entry: &Entry) -> Result<Resource, String> {
    let Entry { scopes, permission } = entry;
    if scopes.is_empty() || scopes.len() > MAX_SCOPES {
        return Err(format!("`scopes` must be 1 to {MAX_SCOPES} scopes"));
    }
    let split = scopes.iter().map(|scope| split(scope)).collect::<Result<Vec<_>, _>>()?;
    if let Some((other, _)) = split.iter().find(|(api, _)| *api != split[0].0) {
        return Err(format!(
            "`scopes` are of several resources, `{}` and `{other}`: Entra ID grants those of one in a request \
             (AADSTS28000); make an entry of each",
            split[0].0
        ));
    }
    if split.len() > 1 && split.iter().any(|(_, scope)| *scope == ".default") {
        return Err("`scopes` has `.default` and others: it stands for all, so it stands alone".to_owned());
    }
    if scopes.iter().collect::<BTreeSet<_>>().len() < scopes.len() {
        return Err("`scopes` names a scope twice: remove one".to_owned());
    }
    let printable = !permission.trim().is_empty() && !permission.chars().any(char::is_control);
    if !printable || permission.len() > MAX_PERMISSION_LEN {
        return Err(format!(
            "`permission` must be the permission's name for people, up to {MAX_PERMISSION_LEN} bytes, like \
             \"Azure Storage user_impersonation\""
        ));
    }
    Ok(Resource { name: name.into(), scope: scopes.join(" ").into(), permission: permission.trim().into() })
}

/// Takes a scope apart into its resource and the rest: `https://storage.azure.com` and `user_impersonation`.
fn split(text: &str) -> Result<(&str, &str), String> {
    // The characters of a scope-token (RFC 6749, section 3.3).
    let token = text.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\');
    if text.is_empty() || !token || text.len() > MAX_SCOPE_LEN {
        return Err(format!("`scopes`: {text:?} is not a scope: visible ASCII, up to {MAX_SCOPE_LEN} bytes"));
    }
    if OPENID_SCOPES.contains(&text) {
        return Err(format!("`scopes`: `{text}` is a scope of the sign-in, of no resource: remove it"));
    }
    let Some((api, scope)) =
        text.rsplit_once('/').filter(|(api, scope)| is_resource(api) && !scope.is_empty())
    else {
        return Err(format!(
            "`scopes`: `{text}` names no resource: write it as <resource URI>/<scope>, like \
             https://storage.azure.com/user_impersonation, or Entra ID takes it for one of Microsoft Graph"
        ));
    };
    Ok((api, scope))
}

/// An application ID URI, or the application's id itself.
fn is_resource(text: &str) -> bool {
    let is_uri = || {
        Url::parse(text).is_ok_and(|url| {
            ["https", "api"].contains(&url.scheme())
                && url.has_host()
                && url.query().is_none()
                && url.fragment().is_none()
        })
    };
    Uuid::try_parse(text).is_ok() || is_uri()
}

#[cfg(test)]
mod tests {
    use identity::cloud::Cloud;

    use super::*;
    use crate::resource::Resources;

    fn one(scopes: &str) -> Result<Resource, String> {
        let text = format!("[resources.storage]\nscopes = {scopes}\npermission = \"Azure Storage\"");
        let parsed = parse(Path::new("/r.toml"), text.as_bytes());
        parsed.map(|mut resources| resources.remove(0)).map_err(|error| error.to_string())
    }

    #[test]
    fn scopes_of_one_resource_are_joined() {
        for (scopes, joined) in [
            (
                r#"["https://storage.azure.com/user_impersonation"]"#,
                "https://storage.azure.com/user_impersonation",
            ),
            (
                r#"["https://a.test/app/Read", "https://a.test/app/Write"]"#,
                "https://a.test/app/Read https://a.test/app/Write",
            ),
            (r#"["https://management.azure.com//.default"]"#, "https://management.azure.com//.default"),
            (
                r#"["api://11112222-bbbb-3333-cccc-4444dddd5555/Read"]"#,
                "api://11112222-bbbb-3333-cccc-4444dddd5555/Read",
            ),
            (
                r#"["499b84ac-1321-427f-aa17-267ca6975798/.default"]"#,
                "499b84ac-1321-427f-aa17-267ca6975798/.default",
            ),
        ] {
            assert_eq!(&*one(scopes).unwrap().scope, joined);
        }
    }

    #[test]
    fn what_entra_would_refuse_is_refused_at_start() {
        for (scopes, said) in [
            ("[]", "1 to 20"),
            (r#"["User.Read"]"#, "names no resource"),
            (r#"["https://a.test/"]"#, "names no resource"),
            (r#"["http://a.test/Read"]"#, "names no resource"),
            (r#"["https://a.test?x=1/Read"]"#, "names no resource"),
            (r#"["/Read"]"#, "names no resource"),
            (r#"["offline_access"]"#, "scope of the sign-in"),
            (r#"["https://a.test/Read", "openid"]"#, "scope of the sign-in"),
            (r#"["https://a.test/Read", "https://b.test/Read"]"#, "AADSTS28000"),
            (r#"["https://a.test/.default", "https://a.test/Read"]"#, "stands alone"),
            (r#"["https://a.test/Read", "https://a.test/Read"]"#, "twice"),
            (r#"["https://a.test/Read https://a.test/Write"]"#, "is not a scope"),
            (r#"["https://a.test/Réad"]"#, "is not a scope"),
        ] {
            let error = one(scopes).unwrap_err();
            let place = error.starts_with("/r.toml, line 1: [resources.storage] `scopes`");
            assert!(place && error.contains(said), "{error}");
        }
    }

    #[test]
    fn an_entry_is_a_name_scopes_and_a_permission() {
        for (text, said) in [
            ("[resources.Storage]\nscopes = []\npermission = \"\"", "is not a name"),
            ("[resources.a]\nscopes = [\"https://a.test/Read\"]", "permission"),
            ("[resources.a]\nscopes = [\"https://a.test/Read\"]\npermission = \" \"", "`permission` must be"),
            (
                "[resources.a]\nscopes = [\"https://a.test/Read\"]\npermission = \"a\\nb\"",
                "`permission` must be",
            ),
            ("[resources.a]\nscope = \"x\"", "unknown field `scope`"),
            (
                "[consumers.a]\nscopes = [\"https://a.test/Read\"]\npermission = \"a\"",
                "[consumers] is not known",
            ),
        ] {
            let error = parse(Path::new("/r.toml"), text.as_bytes()).unwrap_err().to_string();
            assert!(error.starts_with("/r.toml") && error.contains(said), "{error}");
        }
    }

    #[test]
    fn a_file_adds_and_replaces() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("resources.toml");
        std::fs::write(
            &path,
            "[resources.arm]\nscopes = [\"https://management.azure.com/.default\"]\npermission = \"ARM\"\n\
             [resources.storage]\nscopes = [\"https://storage.azure.com/x\"]\npermission = \"Storage\"\n",
        )
        .unwrap();
        let resources = Resources::of(Cloud::AzureCloud).unwrap().with_file(&path).unwrap();
        let names: Vec<_> = resources.iter().map(|resource| &*resource.name).collect();
        assert_eq!(names, ["arm", "graph", "storage"]);
        assert_eq!(&*resources.find("arm").unwrap().scope, "https://management.azure.com/.default");

        let missing = resources.with_file(&dir.path().join("missing.toml")).unwrap_err();
        assert_eq!(missing.to_string(), "BROKER_RESOURCES_FILE cannot be used");
        assert!(std::error::Error::source(&missing).unwrap().to_string().contains("missing.toml"));
    }
}
