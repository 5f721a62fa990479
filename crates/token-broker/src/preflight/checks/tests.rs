//! Each check against a tenant that is right but for one thing.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use jiff::SignedDuration;
use serde_json::json;
use telemetry::report::Outcome::{self, Missing, Ok as Granted, Unknown};
use uuid::Uuid;

use super::*;
use crate::credential::Own;
use crate::preflight::expected::Downstream;
use crate::preflight::graph::{
    ClientRegistration, Consent, FederatedCredential, Grant, Listed, ServicePrincipal, Standing,
};
use crate::preflight::tenant::Client;
use crate::preflight::{KnownClient, Needs};
use crate::testing::NOW;

const API: &str = "11112222-bbbb-3333-cccc-4444dddd5555";
const CLIENT: &str = "22223333-cccc-4444-dddd-5555eeee6666";
const API_OBJECT: Uuid = Uuid::from_u128(1);
const ARM_OBJECT: Uuid = Uuid::from_u128(2);
const CLIENT_OBJECT: Uuid = Uuid::from_u128(3);
const EXPORT_ID: &str = "00000000-0000-0000-0000-00000000000b";
const READ_ID: &str = "00000000-0000-0000-0000-00000000000a";
const CERTIFICATE: &[u8] = b"not really a certificate";

struct World {
    tenant: Tenant,
    expected: Expectations,
}

fn thumbprint() -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, CERTIFICATE);
    base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(digest)
}

fn right() -> World {
    let needs = Needs {
        scopes: ["cost.read", "cost.export"].map(str::to_owned).into(),
        with_role: ["cost.export".to_owned()].into(),
        roles: ["Cost.Exporter".to_owned()].into(),
        auth_context: true,
    };
    let expected = Expectations {
        tenant: "aaaabbbb-0000-cccc-1111-dddd2222eeee".parse().unwrap(),
        client_id: API.parse().unwrap(),
        authority: "https://login.microsoftonline.com".parse().unwrap(),
        audiences: vec![API.to_owned(), "api://mcp-cost-server".to_owned()],
        accept_v1: false,
        public_url: Some("https://mcp.contoso.com/mcp".to_owned()),
        scope_prefix: Some("https://mcp.contoso.com/mcp".to_owned()),
        clients: vec![KnownClient { id: CLIENT.parse().unwrap(), scopes: needs.scopes.clone() }],
        needs,
        admin_scopes: vec!["cost.export".to_owned()],
        downstream: vec![Downstream::new(
            "https://management.azure.com/user_impersonation",
            "Azure Resource Manager user_impersonation",
        )],
    };
    let scopes = json!([
        {"id": READ_ID, "value": "cost.read", "isEnabled": true, "type": "User"},
        {"id": EXPORT_ID, "value": "cost.export", "isEnabled": true, "type": "Admin"},
    ]);
    let roles = json!([
        {"id": Uuid::from_u128(12), "value": "Cost.Exporter", "isEnabled": true, "allowedMemberTypes": ["User"]},
    ]);
    let application = json!({
        "appId": API, "displayName": "MCP cost server",
        "identifierUris": ["api://mcp-cost-server", "https://mcp.contoso.com/mcp"],
        "api": {"requestedAccessTokenVersion": 2, "oauth2PermissionScopes": scopes, "preAuthorizedApplications": []},
        "appRoles": roles,
        "optionalClaims": {"accessToken": [{"name": "xms_cc"}, {"name": "acrs"}, {"name": "idtyp"}]},
        "keyCredentials": [{"key": BASE64_STANDARD.encode(CERTIFICATE), "endDateTime": "2027-01-01T12:00:00Z"}],
    });
    let principal = json!({
        "id": API_OBJECT, "appId": API, "displayName": "MCP cost server", "accountEnabled": true,
        "appRoleAssignmentRequired": false, "appRoles": roles, "oauth2PermissionScopes": scopes, "replyUrls": null,
    });
    let other = |id: Uuid, name: &str| ServicePrincipal {
        id,
        display_name: name.to_owned(),
        reply_urls: vec!["http://localhost".to_owned()],
        ..ServicePrincipal::default()
    };
    let grants = |items| Ok(Listed { items, complete: true });
    let tenant = Tenant {
        at: NOW,
        standing: Standing::Accepted,
        clock_ahead: Ok(SignedDuration::from_secs(-2)),
        own: Ok(Own::Certificate { thumbprint: thumbprint().into() }),
        principal: Ok(Some(serde_json::from_value(principal).unwrap())),
        application: Ok(Some(serde_json::from_value(application).unwrap())),
        federated: Ok(Listed::default()),
        assigned: Ok(Listed::default()),
        grants: grants(vec![Grant::new(ARM_OBJECT, Consent::AllPrincipals, " user_impersonation")]),
        downstream: vec![Ok(Some(other(ARM_OBJECT, "Windows Azure Service Management API")))],
        clients: vec![Client {
            id: CLIENT.parse().unwrap(),
            principal: Ok(Some(other(CLIENT_OBJECT, "Contoso Assistant"))),
            grants: grants(vec![Grant::new(API_OBJECT, Consent::AllPrincipals, "  COST.EXPORT  Cost.Read ")]),
            registration: Ok(Some(registered(
                json!({"publicClient": {"redirectUris": ["http://localhost"]}}),
            ))),
        }],
    };
    World { tenant, expected }
}

/// The client's registration with these members.
fn registered(mut members: serde_json::Value) -> ClientRegistration {
    members["appId"] = CLIENT.into();
    serde_json::from_value(members).unwrap()
}

impl World {
    fn with(change: impl FnOnce(&mut Self)) -> Vec<Finding> {
        let mut world = right();
        change(&mut world);
        judge(&world.tenant, &world.expected)
    }

    fn application(&mut self) -> &mut crate::preflight::graph::Application {
        self.tenant.application.as_mut().unwrap().as_mut().unwrap()
    }

    fn principal(&mut self) -> &mut ServicePrincipal {
        self.tenant.principal.as_mut().unwrap().as_mut().unwrap()
    }

    fn register_client(&mut self, members: serde_json::Value) {
        self.tenant.clients[0].registration = Ok(Some(registered(members)));
    }

    fn client_grants(&mut self, grants: Vec<Grant>) {
        self.tenant.clients[0].grants = Ok(Listed { items: grants, complete: true });
    }
}

/// Everything that is not granted, by name and outcome.
fn faults(findings: &[Finding]) -> Vec<(&str, Outcome)> {
    let faulty = findings.iter().filter(|finding| finding.outcome != Granted);
    faulty.map(|finding| (finding.name.as_str(), finding.outcome)).collect()
}

fn of<'a>(findings: &'a [Finding], name: &str) -> &'a Finding {
    findings.iter().find(|finding| finding.name == name && finding.outcome != Granted).unwrap()
}

fn forbidden(permission: &'static str) -> Untold {
    Untold::Forbidden { permission }
}

#[test]
fn a_right_tenant_has_no_fault_and_every_check_speaks() {
    let findings = World::with(|_| {});
    assert_eq!(faults(&findings), []);
    for check in CHECKS {
        assert!(findings.iter().any(|finding| finding.name == check.name), "{} says nothing", check.name);
    }
    let credential = findings.iter().find(|finding| finding.name == "credential").unwrap();
    assert_eq!(credential.detail, "Entra ID accepts it; 40 days left");
    assert!(findings.iter().all(|finding| finding.fix.is_empty() && finding.url.is_none()));
}

#[test]
fn every_fault_is_named_and_nothing_else() {
    assert_named(&[
        ("clock", Missing, "90 s behind", |w| w.tenant.clock_ahead = Ok(SignedDuration::from_secs(-90))),
        ("clock", Unknown, "no date", |w| {
            w.tenant.clock_ahead = Err(Untold::Unavailable("no date".to_owned()));
        }),
        ("service_principal", Missing, "disabled", |w| w.principal().account_enabled = Some(false)),
        ("credential", Missing, "6 days left", |w| {
            w.application().key_credentials[0].end_date_time =
                Some(NOW + SignedDuration::from_hours(24 * 7 - 1));
        }),
        ("credential", Unknown, "does not list it", |w| {
            w.application().key_credentials[0].key = Some(vec![1]);
        }),
        ("token_version", Missing, "is 1", |w| w.application().api.requested_access_token_version = Some(1)),
        ("token_version", Missing, "is null", |w| w.application().api.requested_access_token_version = None),
        ("identifier_uris", Missing, "which has api://mcp-cost-server", |w| {
            w.application().identifier_uris.truncate(1);
        }),
        ("identifier_uris", Missing, "letter by letter", |w| {
            w.application().identifier_uris[1] = "https://mcp.contoso.com/MCP/".to_owned();
        }),
        ("audiences", Missing, "only api://mcp-cost-server is accepted", |w| {
            w.expected.audiences.remove(0);
        }),
        ("optional_claims", Missing, "not in access tokens", |w| {
            w.application().optional_claims.access_token.retain(|claim| claim.name != "xms_cc");
        }),
        ("optional_claims", Missing, "authentication context", |w| {
            w.application().optional_claims.access_token.retain(|claim| claim.name != "acrs");
        }),
        ("optional_claims", Missing, "applications' own tokens", |w| {
            w.application().optional_claims.access_token.retain(|claim| claim.name != "idtyp");
        }),
        ("scopes", Missing, "does not offer it", |w| {
            w.application().api.scopes[0].value = "Other".to_owned();
        }),
        ("scopes", Missing, "is disabled", |w| w.application().api.scopes[1].is_enabled = false),
        ("scopes", Missing, "every user can consent", |w| {
            w.application().api.scopes[1].kind = "User".to_owned();
        }),
        ("scopes", Missing, "only administrators", |w| {
            w.application().api.scopes[0].kind = "Admin".to_owned();
        }),
        ("pre_authorization", Unknown, "everybody who uses it has the scope", |w| {
            w.expected.needs.with_role.clear();
            let one = json!({"appId": "aebc6443-996d-45c2-90f0-388ff96faa56", "delegatedPermissionIds": [EXPORT_ID]});
            w.application().api.pre_authorized_applications = vec![serde_json::from_value(one).unwrap()];
        }),
        ("app_roles", Missing, "does not have it", |w| w.application().app_roles.clear()),
        ("app_roles", Missing, "is disabled", |w| w.application().app_roles[0].is_enabled = false),
        ("app_roles", Missing, "applications only", |w| {
            w.application().app_roles[0].allowed_member_types = vec!["Application".to_owned()];
        }),
        ("user_assignment", Missing, "no user or group is assigned", |w| {
            w.principal().app_role_assignment_required = true;
            w.tenant.assigned = Ok(Listed { items: Vec::new(), complete: true });
        }),
        ("downstream_consent", Missing, "never consented", |w| {
            w.tenant.grants = Ok(Listed { items: Vec::new(), complete: true });
        }),
        ("downstream_consent", Missing, "for 1 user only", |w| {
            let one = Grant::new(ARM_OBJECT, Consent::Principal, "user_impersonation");
            w.tenant.grants = Ok(Listed { items: vec![one], complete: true });
        }),
        ("downstream_consent", Missing, "no service principal", |w| w.tenant.downstream[0] = Ok(None)),
        ("downstream_consent", Unknown, "lacks DelegatedPermissionGrant.Read.All", |w| {
            w.tenant.grants = Err(forbidden("DelegatedPermissionGrant.Read.All"));
        }),
        ("downstream_consent", Unknown, "too many grants", |w| {
            w.tenant.grants = Ok(Listed { items: Vec::new(), complete: false });
        }),
        ("downstream_consent", Missing, "is disabled in this tenant", |w| {
            w.tenant.downstream[0].as_mut().unwrap().as_mut().unwrap().account_enabled = Some(false);
        }),
        ("client_consent", Missing, "is disabled in this tenant", |w| {
            w.tenant.clients[0].principal.as_mut().unwrap().as_mut().unwrap().account_enabled = Some(false);
        }),
        ("identifier_uris", Unknown, "GATEWAY_PUBLIC_URL is not set", |w| {
            (w.expected.public_url, w.expected.scope_prefix) = (None, None);
        }),
        ("identifier_uris", Unknown, "AADSTS9010010", |w| {
            w.expected.scope_prefix = Some("api://mcp-cost-server".to_owned());
            w.application().identifier_uris.truncate(1);
        }),
        ("client_consent", Missing, "never consented", |w| {
            w.client_grants(vec![Grant::new(API_OBJECT, Consent::AllPrincipals, "cost.read")]);
        }),
    ]);
}

#[test]
fn every_fault_of_a_redirect_uri_is_named_and_nothing_else() {
    assert_named(&[
        ("own_redirect_uris", Missing, "on the API's own registration", |w| {
            w.application().public_client.redirect_uris = vec!["http://localhost".to_owned()];
        }),
        ("own_redirect_uris", Missing, "AADSTS90009", |w| {
            w.application().spa.redirect_uris = vec!["https://mcp.contoso.com".to_owned()];
        }),
        ("client_redirect_uris", Missing, "it has none", |w| w.register_client(json!({"web": null}))),
        ("client_redirect_uris", Missing, "AADSTS9002327", |w| {
            w.register_client(json!({"spa": {"redirectUris": ["http://localhost"]}}));
        }),
        ("client_redirect_uris", Missing, "AADSTS7000218", |w| {
            let web = json!(["https://claude.ai/api/mcp/auth_callback"]);
            w.register_client(
                json!({"web": {"redirectUris": web}, "publicClient": {"redirectUris": ["http://localhost"]}}),
            );
        }),
        ("client_redirect_uris", Unknown, "in another tenant", |w| {
            w.tenant.clients[0].registration = Ok(None);
        }),
        ("client_redirect_uris", Unknown, "lacks Application.Read.All", |w| {
            w.tenant.clients[0].registration = Err(forbidden("Application.Read.All"));
        }),
    ]);
}

/// A check, its outcome, what it says, and the fault that makes it say so.
type Fault = (&'static str, Outcome, &'static str, fn(&mut World));

fn assert_named(table: &[Fault]) {
    for (name, outcome, detail, fault) in table {
        let findings = World::with(fault);
        assert_eq!(faults(&findings), [(*name, *outcome)], "{detail}");
        let finding = of(&findings, name);
        assert!(finding.detail.contains(detail), "{name}: {} does not say `{detail}`", finding.detail);
        assert!(!finding.fix.is_empty(), "{name}: no fix");
    }
}

#[test]
fn clients_that_nobody_named_are_not_called_right() {
    let findings = World::with(|w| {
        w.expected.clients.clear();
        w.tenant.clients.clear();
    });
    assert_eq!(faults(&findings), [("client_redirect_uris", Unknown), ("client_consent", Unknown)]);
    assert!(of(&findings, "client_consent").detail.contains("PREFLIGHT_CLIENT_IDS is not set"));
}

/// The API as a client of itself: its token cannot be refreshed.
#[test]
fn the_api_among_the_clients_is_named() {
    let findings = World::with(|w| {
        w.expected.clients[0].id = API.parse().unwrap();
        w.tenant.clients[0].id = API.parse().unwrap();
    });
    assert_eq!(faults(&findings), [("own_redirect_uris", Missing)]);
    assert!(of(&findings, "own_redirect_uris").detail.contains("PREFLIGHT_CLIENT_IDS names the API itself"));
}

/// A scope that is missing is one fault: no client, pre-authorized for the others or known to nobody, is blamed for it.
#[test]
fn a_scope_that_is_not_offered_blames_no_client() {
    for known in [true, false] {
        let findings = World::with(|w| {
            w.application().api.scopes.remove(1);
            let one = json!({"appId": CLIENT, "delegatedPermissionIds": [READ_ID]});
            w.application().api.pre_authorized_applications = vec![serde_json::from_value(one).unwrap()];
            w.client_grants(Vec::new());
            if !known {
                w.tenant.clients[0].principal = Ok(None);
            }
        });
        assert_eq!(faults(&findings), [("scopes", Missing), ("client_consent", Unknown)], "{known}");
        let of_client = of(&findings, "client_consent");
        assert!(of_client.subject.ends_with("may ask for cost.export"), "{of_client:?}");
        assert!(of_client.fix.contains("`scopes`"), "{of_client:?}");
    }
}

/// Whoever follows "Who may export" is told the last step, not that it was wrong.
#[test]
fn the_way_by_role_is_named_where_every_user_can_consent() {
    for (with_role, words) in
        [(true, "The policy's roles decide"), (false, "Decide by app role: name one under `roles`")]
    {
        let findings = World::with(|w| {
            w.application().api.scopes[1].kind = "User".to_owned();
            if !with_role {
                w.expected.needs.with_role.clear();
            }
        });
        let fix = &of(&findings, "scopes").fix;
        assert!(fix.starts_with(words) && fix.contains("set PREFLIGHT_ADMIN_SCOPES=none"), "{fix}");
    }
}

/// Which clients: by name where Microsoft's own, else by id.
#[test]
fn a_pre_authorized_client_is_named() {
    let findings = World::with(|w| {
        w.expected.needs.with_role.clear();
        let pre_authorized = ["aebc6443-996d-45c2-90f0-388ff96faa56", CLIENT].map(|id| {
            serde_json::from_value(json!({"appId": id, "delegatedPermissionIds": [EXPORT_ID]})).unwrap()
        });
        w.application().api.pre_authorized_applications = pre_authorized.into();
    });
    let doubt = of(&findings, "pre_authorization");
    assert_eq!(doubt.subject, format!("cost.export at {CLIENT}, Visual Studio Code"));
    assert!(doubt.fix.contains("Take cost.export out of"), "{doubt:?}");
}

#[test]
fn what_is_allowed_is_no_fault() {
    type Variant = (&'static str, fn(&mut World));
    let table: &[Variant] = &[
        ("version 1.0 where it is accepted", |w| {
            w.expected.accept_v1 = true;
            w.application().api.requested_access_token_version = None;
        }),
        ("the client id as prefix", |w| {
            w.expected.scope_prefix = Some(format!("api://{}", API.to_uppercase()));
        }),
        ("no context, no acrs", |w| {
            w.expected.needs.auth_context = false;
            w.application().optional_claims.access_token.retain(|claim| claim.name != "acrs");
        }),
        ("scopes differ in case", |w| w.application().api.scopes[0].value = "Cost.Read".to_owned()),
        ("pre-authorized for an admin scope, where a role decides", |w| {
            let one = json!({"appId": CLIENT, "delegatedPermissionIds": [EXPORT_ID]});
            w.application().api.pre_authorized_applications = vec![serde_json::from_value(one).unwrap()];
        }),
        ("pre-authorized for what users may consent to", |w| {
            w.expected.needs.with_role.clear();
            let one = json!({"appId": CLIENT, "delegatedPermissionIds": [READ_ID]});
            w.application().api.pre_authorized_applications = vec![serde_json::from_value(one).unwrap()];
        }),
        ("assignment is required and somebody is assigned", |w| {
            w.principal().app_role_assignment_required = true;
            let group = serde_json::from_value(json!({"principalType": "Group"})).unwrap();
            w.tenant.assigned = Ok(Listed { items: vec![group], complete: true });
        }),
        ("pre-authorized by permission id, without a grant or a service principal", |w| {
            w.expected.clients[0].scopes = ["cost.read".to_owned()].into();
            let one = json!({"appId": CLIENT.to_uppercase(), "delegatedPermissionIds": [READ_ID]});
            w.application().api.pre_authorized_applications = vec![serde_json::from_value(one).unwrap()];
            w.tenant.clients[0].principal = Ok(None);
            w.client_grants(Vec::new());
        }),
        ("consent of single users to a client", |w| {
            let one = Grant::new(API_OBJECT, Consent::Principal, "cost.export cost.read");
            w.client_grants(vec![one.clone(), one]);
        }),
        ("another tenant's application tells its scopes by its service principal", |w| {
            w.expected.needs.auth_context = false;
            w.tenant.application = Ok(None);
        }),
        ("a confidential client's Web address", |w| {
            let web = json!(["https://global.consent.azure-apim.net/redirect/x"]);
            w.register_client(
                json!({"web": {"redirectUris": web}, "passwordCredentials": [{"keyId": READ_ID}]}),
            );
        }),
        ("a page in a browser beside a desktop application", |w| {
            w.register_client(json!({
                "publicClient": {"redirectUris": ["http://localhost"]},
                "spa": {"redirectUris": ["http://localhost:6274/oauth/callback"]},
            }));
        }),
        ("a Web address of the API, where administrators end up", |w| {
            w.principal().reply_urls = vec!["https://mcp.contoso.com/consented".to_owned()];
        }),
        ("a client of Microsoft's, whose registration nobody sees", |w| {
            let code = "aebc6443-996d-45c2-90f0-388ff96faa56".parse().unwrap();
            (w.expected.clients[0].id, w.tenant.clients[0].id) = (code, code);
            w.tenant.clients[0].registration = Ok(None);
        }),
        ("a client that is to have one scope only", |w| {
            w.expected.clients[0].scopes = ["cost.read".to_owned()].into();
            w.client_grants(vec![Grant::new(API_OBJECT, Consent::AllPrincipals, "cost.read")]);
        }),
        ("consent of single users, where the others are asked at a client that the API knows", |w| {
            w.application().api.known_client_applications = vec![CLIENT.to_owned()];
            let one = Grant::new(ARM_OBJECT, Consent::Principal, "user_impersonation");
            w.tenant.grants = Ok(Listed { items: vec![one], complete: true });
        }),
        ("a certificate that Graph does not show", |w| w.application().key_credentials[0].key = None),
        ("a federated credential", |w| {
            w.tenant.own = Ok(Own::Federated {
                issuer: "i".to_owned(),
                subject: "s".to_owned(),
                audiences: vec!["a".to_owned()],
            });
            let listed = FederatedCredential {
                issuer: "i".to_owned(),
                subject: "s".to_owned(),
                audiences: vec!["a".to_owned()],
            };
            w.tenant.federated = Ok(Listed { items: vec![listed], complete: true });
        }),
    ];
    for (what, change) in table {
        let findings = World::with(change);
        assert!(findings.iter().all(|finding| finding.outcome != Missing), "{what}: {:?}", faults(&findings));
    }
}

#[test]
fn consent_of_some_is_said_to_be_that() {
    let findings = World::with(|world| {
        let one = Grant::new(API_OBJECT, Consent::Principal, "cost.export cost.read");
        world.client_grants(vec![one.clone(), one]);
    });
    let details: Vec<_> =
        findings.iter().filter(|f| f.name == "client_consent").map(|f| &*f.detail).collect();
    assert_eq!(
        details,
        [
            "consented for 2 users only; an administrator must consent for the others",
            "consented for 2 users only; the others are asked at their first sign-in",
        ]
    );
}

#[test]
fn a_grant_at_another_resource_is_none() {
    let findings = World::with(|world| {
        let elsewhere = Grant::new(ARM_OBJECT, Consent::AllPrincipals, "cost.read cost.export");
        world.client_grants(vec![elsewhere]);
    });
    assert_eq!(faults(&findings), [("client_consent", Missing), ("client_consent", Missing)]);
}

/// Of another tenant's application it is not to be seen whether a client is pre-authorized: that it has no grant says little.
#[test]
fn a_client_without_a_grant_at_another_tenants_application_is_unknown() {
    let findings = World::with(|world| {
        world.tenant.application = Ok(None);
        world.client_grants(Vec::new());
    });
    let of_clients: Vec<_> =
        faults(&findings).into_iter().filter(|(name, _)| *name == "client_consent").collect();
    assert_eq!(of_clients, [("client_consent", Unknown); 2]);
}

#[test]
fn where_consent_is_the_fix_there_is_a_url() {
    let findings = World::with(|world| world.client_grants(Vec::new()));
    let url: url::Url = of(&findings, "client_consent").url.as_ref().unwrap().parse().unwrap();
    assert_eq!(url.path(), "/aaaabbbb-0000-cccc-1111-dddd2222eeee/v2.0/adminconsent");
    let query: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    let expected = [
        ("client_id", CLIENT),
        ("scope", "https://mcp.contoso.com/mcp/cost.export https://mcp.contoso.com/mcp/cost.read"),
        ("redirect_uri", "http://localhost"),
    ];
    assert_eq!(query, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let findings =
        World::with(|world| world.tenant.grants = Ok(Listed { items: Vec::new(), complete: true }));
    let url = of(&findings, "downstream_consent").url.as_ref().unwrap();
    // Without a redirect URI, which version 2.0 insists on, it is the page of version 1.0.
    let expected =
        "https://login.microsoftonline.com/aaaabbbb-0000-cccc-1111-dddd2222eeee/adminconsent?client_id=";
    assert_eq!(*url, format!("{expected}{API}"));
    let fix = &of(&findings, "downstream_consent").fix;
    let command = format!("--id {API} --api 797f4846-ba00-4fd7-ba43-dac1f8f63013 --scope user_impersonation");
    assert!(fix.contains(&command), "{fix}");
}

#[test]
fn names_stand_where_ids_would() {
    let unknown = "the client 22223333-cccc-4444-dddd-5555eeee6666 may ask for cost.export";
    for (id, name, subject) in [
        (CLIENT, Some("Contoso Assistant"), "Contoso Assistant may ask for cost.export"),
        (CLIENT, None, unknown),
        ("aebc6443-996d-45c2-90f0-388ff96faa56", None, "Visual Studio Code may ask for cost.export"),
    ] {
        let findings = World::with(|world| {
            world.client_grants(Vec::new());
            world.expected.clients[0].id = id.parse().unwrap();
            world.tenant.clients[0].id = id.parse().unwrap();
            let named = |name: &str| ServicePrincipal { display_name: name.to_owned(), ..Default::default() };
            world.tenant.clients[0].principal = Ok(name.map(named));
        });
        assert_eq!(of(&findings, "client_consent").subject, subject);
    }
}

#[test]
fn what_entra_id_refuses_is_named_though_nothing_can_be_seen() {
    for (number, missing, detail) in [
        (700_027, Some("credential"), "AADSTS700027"),
        (700_016, Some("service_principal"), "no application"),
        (700_011, Some("service_principal"), "no application"),
        (70_001, Some("service_principal"), "or it is disabled"),
        (7_000_112, Some("service_principal"), "disabled"),
        (90_002, Some("service_principal"), "no tenant"),
        (700_024, Some("credential"), "AADSTS700024"),
        (53_003, None, ""),
    ] {
        let world = right();
        let (standing, why) =
            (Standing::Refused { number: Some(number) }, Untold::Refused { number: Some(number) });
        let (ahead, own) = (world.tenant.clock_ahead, world.tenant.own);
        let tenant = Tenant::untold(&world.expected, NOW, standing, ahead, own, &why);
        let findings = judge(&tenant, &world.expected);
        let named: Vec<_> = findings.iter().filter(|finding| finding.outcome == Missing).collect();
        assert_eq!(named.first().map(|finding| finding.name.as_str()), missing, "{number}");
        assert!(named.len() <= 1 && named.iter().all(|finding| finding.detail.contains(detail)), "{number}");
        let granted = findings.iter().filter(|finding| finding.outcome == Granted);
        assert!(granted.map(|finding| finding.name.as_str()).eq(["clock"]), "{number}");
    }
}

#[test]
fn a_wrong_clock_is_to_blame_before_the_credential() {
    let world = right();
    let standing = Standing::Refused { number: Some(700_024) };
    let why = Untold::Refused { number: Some(700_024) };
    let ahead = Ok(SignedDuration::from_secs(900));
    let tenant = Tenant::untold(&world.expected, NOW, standing, ahead, world.tenant.own, &why);
    let findings = judge(&tenant, &world.expected);
    let missing: Vec<_> = findings.iter().filter(|finding| finding.outcome == Missing).collect();
    assert_eq!((missing.len(), missing[0].name.as_str()), (1, "clock"));
}

#[test]
fn without_any_permission_what_the_application_may_read_of_itself_is_still_told() {
    let findings = World::with(|world| {
        world.tenant.grants = Err(forbidden("DelegatedPermissionGrant.Read.All"));
        world.tenant.downstream[0] = Err(forbidden("Application.Read.All"));
        world.tenant.clients[0].principal = Err(forbidden("Application.Read.All"));
        world.tenant.clients[0].grants = Err(forbidden("Application.Read.All"));
        world.tenant.clients[0].registration = Err(forbidden("Application.Read.All"));
    });
    let unknown = ["downstream_consent", "client_redirect_uris", "client_consent", "client_consent"];
    assert_eq!(faults(&findings), unknown.map(|name| (name, Unknown)));
    assert!(of(&findings, "downstream_consent").fix.contains("Application.Read.All"));
}

#[test]
fn names_from_the_directory_cannot_act_on_a_terminal() {
    let principal =
        json!({"id": API_OBJECT, "appId": API, "displayName": "a\u{1b}[2Jb\n".to_owned() + &"x".repeat(500)});
    let principal: ServicePrincipal = serde_json::from_value(principal).unwrap();
    assert!(principal.display_name.starts_with("a[2Jbxxx") && principal.display_name.chars().count() == 80);
}
