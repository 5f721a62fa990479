//! Applications of Microsoft that have the same id in every tenant.

use identity::ClientId;
use url::Url;

/// APIs: a host that they are asked for by, and their id (Microsoft: "Verify first-party Microsoft applications in
/// sign-in reports"). The hosts of all clouds are the same applications.
const APIS: &[(&str, &str)] = &[
    ("management.azure.com", "797f4846-ba00-4fd7-ba43-dac1f8f63013"),
    ("management.usgovcloudapi.net", "797f4846-ba00-4fd7-ba43-dac1f8f63013"),
    ("management.chinacloudapi.cn", "797f4846-ba00-4fd7-ba43-dac1f8f63013"),
    ("graph.microsoft.com", "00000003-0000-0000-c000-000000000000"),
    ("graph.microsoft.us", "00000003-0000-0000-c000-000000000000"),
    ("microsoftgraph.chinacloudapi.cn", "00000003-0000-0000-c000-000000000000"),
];

/// Clients that many tenants never see as a service principal, by id and name.
const CLIENTS: &[(&str, &str)] = &[
    ("aebc6443-996d-45c2-90f0-388ff96faa56", "Visual Studio Code"),
    ("04b07795-8ddb-461a-bbee-02f9e1bf7b46", "Azure CLI"),
];

/// The application id of an API that is asked for as `identifier`.
pub(super) fn api(identifier: &str) -> Option<&'static str> {
    let url = Url::parse(identifier).ok()?;
    let host = url.host_str()?;
    APIS.iter().find(|(name, _)| *name == host).map(|(_, id)| *id)
}

/// The name of a client.
pub(super) fn client(id: ClientId) -> Option<&'static str> {
    let id = id.to_string();
    CLIENTS.iter().find(|(known, _)| *known == id).map(|(_, name)| *name)
}
