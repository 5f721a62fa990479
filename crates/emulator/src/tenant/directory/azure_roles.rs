//! Azure roles that were given or taken away while the emulator runs. Those that people have from the start are theirs.

use std::collections::HashMap;

use uuid::Uuid;

use crate::tenant::contoso::{DEPLOYER_CLIENT_ID, DEV_SUBSCRIPTION, PROD_SUBSCRIPTION};
use crate::tenant::ids::object_id;

/// A built-in role, with the same id in every tenant.
#[derive(Debug)]
pub(crate) struct BuiltIn {
    pub(crate) id: Uuid,
    pub(crate) name: &'static str,
    pub(crate) actions: &'static [&'static str],
    pub(crate) not_actions: &'static [&'static str],
}

/// <https://learn.microsoft.com/azure/role-based-access-control/built-in-roles>
pub(crate) static BUILT_IN: [BuiltIn; 7] = [
    built_in(0x8e3a_f657_a8ff_443c_a75c_2fe8_c4bc_b635, "Owner", &["*"], &[]),
    built_in(
        0xb249_88ac_6180_42a0_ab88_20f7_382d_d24c,
        "Contributor",
        &["*"],
        &[
            "Microsoft.Authorization/*/Delete",
            "Microsoft.Authorization/*/Write",
            "Microsoft.Authorization/elevateAccess/Action",
        ],
    ),
    built_in(0xacdd_72a7_3385_48ef_bd42_f606_fba8_1ae7, READER, &["*/read"], &[]),
    built_in(
        0x72fa_fb9e_0641_4937_9268_a91b_fd81_91a3,
        "Cost Management Reader",
        &[
            "Microsoft.Consumption/*/read",
            "Microsoft.CostManagement/*/read",
            "Microsoft.Billing/billingPeriods/read",
            "Microsoft.Resources/subscriptions/read",
            "Microsoft.Resources/subscriptions/resourceGroups/read",
            "Microsoft.Support/*",
        ],
        &[],
    ),
    built_in(
        0x18d7_d88d_d35e_4fb5_a5c3_7773_c20a_72d9,
        "User Access Administrator",
        &["*/read", "Microsoft.Authorization/*", "Microsoft.Support/*"],
        &[],
    ),
    built_in(
        0xfa23_ad8b_c56e_40d8_ac0c_ce44_9e1d_2c64,
        "Billing Reader",
        &[
            "Microsoft.Authorization/*/read",
            "Microsoft.Billing/*/read",
            "Microsoft.Consumption/*/read",
            "Microsoft.CostManagement/*/read",
            "Microsoft.Support/*",
        ],
        &[],
    ),
    // One that sees subscriptions and no costs.
    built_in(
        0x9980_e02c_c2be_4d73_94e8_173b_1dc7_cf3c,
        "Virtual Machine Contributor",
        &[
            "Microsoft.Authorization/*/read",
            "Microsoft.Compute/virtualMachines/*",
            "Microsoft.Resources/subscriptions/resourceGroups/read",
        ],
        &[],
    ),
];

/// The role that people have where they have one from the start.
pub(crate) const READER: &str = "Reader";

impl BuiltIn {
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        BUILT_IN.iter().find(|role| role.name.eq_ignore_ascii_case(name))
    }

    pub(crate) fn of(id: Uuid) -> Option<&'static Self> {
        BUILT_IN.iter().find(|role| role.id == id)
    }

    /// Whether the role has the action.
    pub(crate) fn permits(&self, action: &str) -> bool {
        let any = |patterns: &[&str]| patterns.iter().any(|pattern| covers(pattern, action));
        any(self.actions) && !any(self.not_actions)
    }

    /// Whether it lets its holder give roles.
    pub(crate) fn gives(&self) -> bool {
        self.permits("Microsoft.Authorization/roleAssignments/write")
    }

    pub(crate) fn reads_costs(&self) -> bool {
        self.permits("Microsoft.CostManagement/query/read")
    }
}

/// That somebody has a role on a subscription, or on one resource group of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AzureRole {
    /// Object id of the person or the service principal.
    pub(crate) principal: String,
    /// The scope's path behind `/subscriptions/`, in lower case.
    pub(crate) below: String,
    pub(crate) role: Uuid,
}

impl AzureRole {
    /// The pipeline may give roles on both subscriptions.
    pub(super) fn of_the_pipeline() -> Vec<Self> {
        let role = BuiltIn::named("User Access Administrator").map(|role| role.id);
        let on = |subscription: &str| Self {
            principal: object_id("servicePrincipal", DEPLOYER_CLIENT_ID),
            below: subscription.to_owned(),
            role: role.unwrap_or_default(),
        };
        [PROD_SUBSCRIPTION, DEV_SUBSCRIPTION].map(on).to_vec()
    }
}

/// What became of the roles that people have from the start, and who was given one above subscriptions: whether somebody
/// has a role, by object id and scope.
#[derive(Debug, Default)]
pub(crate) struct RoleChanges(HashMap<(String, String), bool>);

impl RoleChanges {
    pub(super) fn set(&mut self, oid: &str, scope: &str, has: bool) {
        self.0.insert((oid.to_owned(), scope.to_ascii_lowercase()), has);
    }

    /// Those of one person.
    pub(crate) fn of(&self, oid: &str) -> HashMap<String, bool> {
        let own = self.0.iter().filter(|((who, _), _)| who == oid);
        own.map(|((_, scope), has)| (scope.clone(), *has)).collect()
    }
}

const fn built_in(
    id: u128,
    name: &'static str,
    actions: &'static [&'static str],
    not_actions: &'static [&'static str],
) -> BuiltIn {
    BuiltIn { id: Uuid::from_u128(id), name, actions, not_actions }
}

/// Whether a pattern with `*` for anything covers the action. Case does not count.
fn covers(pattern: &str, action: &str) -> bool {
    let (pattern, action) = (pattern.to_ascii_lowercase(), action.to_ascii_lowercase());
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = action.strip_prefix(first) else { return false };
    let mut parts: Vec<_> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::{BuiltIn, covers};

    #[test]
    fn patterns_cover_what_stands_for_their_stars() {
        for (pattern, action, covered) in [
            ("*", "a/b", true),
            ("*/read", "Microsoft.CostManagement/query/Read", true),
            ("*/read", "Microsoft.CostManagement/query/action", false),
            ("Microsoft.CostManagement/*/read", "microsoft.costmanagement/query/read", true),
            ("Microsoft.CostManagement/*/read", "microsoft.costmanagement/read", false),
            ("a/b", "a/b", true),
            ("a/b", "a/bc", false),
            ("a/*", "b/a/", false),
        ] {
            assert_eq!(covers(pattern, action), covered, "{pattern} {action}");
        }
    }

    #[test]
    fn roles_can_what_their_actions_say() {
        let can = |name: &str| BuiltIn::named(name).map(|role| (role.reads_costs(), role.gives())).unwrap();
        assert_eq!(can("Owner"), (true, true));
        assert_eq!(can("Contributor"), (true, false));
        assert_eq!(can("Reader"), (true, false));
        assert_eq!(can("Cost Management Reader"), (true, false));
        assert_eq!(can("User Access Administrator"), (true, true));
        assert_eq!(can("Virtual Machine Contributor"), (false, false));
    }
}
