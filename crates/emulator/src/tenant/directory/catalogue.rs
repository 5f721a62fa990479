//! The applications that the tenant has from the start.

use std::collections::HashSet;

use uuid::Uuid;

use super::application::{AppRole, Application, DelegatedScope, TokenFormat};
use super::registration::RedirectUri;
use super::{TenantSettings, WhoCanConsent};
use crate::tenant::contoso::{
    API_CLIENT_ID, API_IDENTIFIER_URI, ARM_APP_ID, DAEMON_CLIENT_ID, DAEMON_CLIENT_SECRET,
    DEPLOYER_CLIENT_ID, DEPLOYER_CLIENT_SECRET, GRAPH_APP_ID, PUBLIC_CLIENT_ID, VSCODE_CLIENT_ID,
};
use crate::tenant::ids::stable_id;
use crate::tenant::people::{People, ROLE_EXPORTER, SCOPE_EXPORT, SCOPE_READ};

/// All of them; ours first.
pub(super) fn applications(
    settings: &TenantSettings,
    people: &People,
    arm_endpoint: &str,
) -> Vec<Application> {
    let blank = |app_id, display_name: &str, format| Application {
        app_id,
        display_name: display_name.to_owned(),
        identifier_uris: Vec::new(),
        scopes: Vec::new(),
        roles: Vec::new(),
        format,
        public_client: false,
        redirect_uris: Vec::new(),
        secret: None,
        required: Vec::new(),
        enabled: true,
        microsofts: [ARM_APP_ID, GRAPH_APP_ID, VSCODE_CLIENT_ID].contains(&app_id),
        installed: true,
        assignment_required: false,
        pre_authorized: Vec::new(),
        certificates: Vec::new(),
        document: None,
    };
    let own_uris = settings.identifier_uris.iter().map(|uri| uri.trim_end_matches('/').to_owned());
    let api = Application {
        identifier_uris: [API_IDENTIFIER_URI.to_owned()].into_iter().chain(own_uris).collect(),
        scopes: vec![
            scope(API_CLIENT_ID, SCOPE_READ, false, "Read Azure costs as the signed-in user"),
            scope(
                API_CLIENT_ID,
                SCOPE_EXPORT,
                settings.export_consent == WhoCanConsent::AdminsOnly,
                "Export raw cost details as the signed-in user",
            ),
        ],
        roles: vec![AppRole {
            people: people
                .iter()
                .filter(|one| one.roles.contains(&ROLE_EXPORTER))
                .map(|one| one.oid.clone())
                .collect(),
            ..role(
                stable_id("role", &format!("{API_CLIENT_ID}/{ROLE_EXPORTER}")),
                ROLE_EXPORTER,
                &[DAEMON_CLIENT_ID],
            )
        }],
        required: vec![owned((ARM_APP_ID, "user_impersonation"))],
        ..blank(API_CLIENT_ID, "MCP cost server", TokenFormat::V2)
    };
    let assistant = Application {
        public_client: true,
        redirect_uris: settings.client_redirect_uris.clone(),
        required: [(API_CLIENT_ID, SCOPE_READ), (API_CLIENT_ID, SCOPE_EXPORT)].map(owned).to_vec(),
        ..blank(PUBLIC_CLIENT_ID, "Contoso Assistant", TokenFormat::V2)
    };
    let vscode = Application {
        public_client: true,
        // Microsoft's clients are signed in with before a tenant has their service principals.
        installed: false,
        redirect_uris: ["http://127.0.0.1", "https://vscode.dev/redirect"].map(RedirectUri::mobile).to_vec(),
        ..blank(VSCODE_CLIENT_ID, "Visual Studio Code", TokenFormat::V2)
    };
    let deployer = Application {
        secret: Some(DEPLOYER_CLIENT_SECRET),
        ..blank(DEPLOYER_CLIENT_ID, "Contoso Platform Pipeline", TokenFormat::V2)
    };
    let daemon = Application {
        secret: Some(DAEMON_CLIENT_SECRET),
        ..blank(DAEMON_CLIENT_ID, "Contoso Nightly Job", TokenFormat::V2)
    };
    let arm = Application {
        identifier_uris: [
            "https://management.azure.com",
            "https://management.core.windows.net",
            arm_endpoint.trim_end_matches('/'),
        ]
        .map(str::to_owned)
        .to_vec(),
        scopes: vec![DelegatedScope {
            // The id is the same in every tenant.
            id: Uuid::from_u128(0x4109_4075_9dad_400e_a0bd_54e6_8678_2033),
            value: "user_impersonation".to_owned(),
            admin_only: false,
            enabled: true,
            description: "Access Azure Resource Manager as you".to_owned(),
        }],
        ..blank(ARM_APP_ID, "Windows Azure Service Management API", TokenFormat::V1)
    };
    let graph = graph(blank(GRAPH_APP_ID, "Microsoft Graph", TokenFormat::V1));
    vec![api, assistant, daemon, vscode, deployer, arm, graph]
}

/// Permissions of Graph have the same ids in every tenant.
fn graph(blank: Application) -> Application {
    let (readers, deployer): (&[_], &[_]) = (&[API_CLIENT_ID, DAEMON_CLIENT_ID], &[DEPLOYER_CLIENT_ID]);
    let roles = [
        (0x9a5d_68dd_52b0_4cc2_bd40_abcf_44ac_3a30, "Application.Read.All", readers),
        (0x81b4_724a_58aa_41c1_8a55_84ef_9746_6587, "DelegatedPermissionGrant.Read.All", readers),
        (0x1bfe_fb4e_e0b5_418b_a88f_73c4_6d2c_c8e9, "Application.ReadWrite.All", deployer),
        (0x06b7_08a9_e830_4db3_a914_8e69_da51_d44f, "AppRoleAssignment.ReadWrite.All", deployer),
        (0x8e8e_4742_1d95_4f68_9d56_6ee7_5648_c72a, "DelegatedPermissionGrant.ReadWrite.All", deployer),
        (0xdf02_1288_bdef_4463_88db_98f2_2de8_9214, "User.Read.All", deployer),
    ];
    Application {
        identifier_uris: vec!["https://graph.microsoft.com".to_owned()],
        scopes: vec![DelegatedScope {
            id: Uuid::from_u128(0xe1fe_6dd8_ba31_4d61_89e7_8863_9da4_683d),
            value: "User.Read".to_owned(),
            admin_only: false,
            enabled: true,
            description: "Sign in and read your profile".to_owned(),
        }],
        roles: roles
            .into_iter()
            .map(|(id, value, held_by)| role(Uuid::from_u128(id), value, held_by))
            .collect(),
        ..blank
    }
}

fn scope(app_id: &str, value: &str, admin_only: bool, description: &str) -> DelegatedScope {
    let id = stable_id("scope", &format!("{app_id}/{value}"));
    let (value, description) = (value.to_owned(), description.to_owned());
    DelegatedScope { id, value, admin_only, enabled: true, description }
}

fn role(id: Uuid, value: &str, held_by: &[&'static str]) -> AppRole {
    let members = ["User", "Application"].map(str::to_owned).to_vec();
    AppRole {
        id,
        value: value.to_owned(),
        held_by: held_by.to_vec(),
        people: HashSet::new(),
        enabled: true,
        members,
    }
}

fn owned((resource, scope): (&str, &str)) -> (String, String) {
    (resource.to_owned(), scope.to_owned())
}
