//! Roles on subscriptions that were given while the emulator runs. Those that people have from the start are theirs.

use uuid::Uuid;

use crate::tenant::contoso::{DEPLOYER_CLIENT_ID, DEV_SUBSCRIPTION, PROD_SUBSCRIPTION};
use crate::tenant::ids::object_id;

/// A built-in role, with the same id in every tenant. All of them may read costs.
pub(crate) struct BuiltIn {
    pub(crate) id: Uuid,
    pub(crate) name: &'static str,
    /// Whether it lets its holder give roles.
    pub(crate) gives: bool,
}

/// <https://learn.microsoft.com/azure/role-based-access-control/built-in-roles>
pub(crate) const BUILT_IN: [BuiltIn; 5] = [
    built_in(0x8e3a_f657_a8ff_443c_a75c_2fe8_c4bc_b635, "Owner", true),
    built_in(0xb249_88ac_6180_42a0_ab88_20f7_382d_d24c, "Contributor", false),
    built_in(0xacdd_72a7_3385_48ef_bd42_f606_fba8_1ae7, "Reader", false),
    built_in(0x72fa_fb9e_0641_4937_9268_a91b_fd81_91a3, "Cost Management Reader", false),
    built_in(0x18d7_d88d_d35e_4fb5_a5c3_7773_c20a_72d9, "User Access Administrator", true),
];

/// That somebody has a role on a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AzureRole {
    /// Object id of the person or the service principal.
    pub(crate) principal: String,
    pub(crate) subscription: String,
    pub(crate) role: Uuid,
}

impl AzureRole {
    /// The pipeline may give roles on both subscriptions.
    pub(super) fn of_the_pipeline() -> Vec<Self> {
        let role = BUILT_IN.iter().find(|role| role.name == "User Access Administrator").map(|role| role.id);
        let on = |subscription: &str| Self {
            principal: object_id("servicePrincipal", DEPLOYER_CLIENT_ID),
            subscription: subscription.to_owned(),
            role: role.unwrap_or_default(),
        };
        [PROD_SUBSCRIPTION, DEV_SUBSCRIPTION].map(on).to_vec()
    }

    /// Whether its holder may give roles too.
    pub(crate) fn gives(&self) -> bool {
        BUILT_IN.iter().any(|role| role.id == self.role && role.gives)
    }
}

const fn built_in(id: u128, name: &'static str, gives: bool) -> BuiltIn {
    BuiltIn { id: Uuid::from_u128(id), name, gives }
}
