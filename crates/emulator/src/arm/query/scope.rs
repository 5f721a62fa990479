//! Where a query asks: what lies in it, who may ask there, and which rules hold.

use std::sync::Arc;

use jiff::civil::Date;

use super::super::agreement::Agreement;
use super::super::auth::Caller;
use super::super::costs::{Line, Row, Subscription, Subscriptions, Wanted, rows};
use super::super::errors::ArmError;
use super::super::request::CostScope;
use crate::tenant::billing::{BILLING_SCOPES, MANAGEMENT_GROUPS};

/// A scope of any form.
#[derive(Debug)]
pub(crate) struct QueryScope {
    path: String,
    kind: Kind,
    pub(super) agreement: Agreement,
    pub(super) subscriptions: Vec<Arc<Subscription>>,
    /// The one resource group that counts.
    pub(super) resource_group: Option<String>,
}

/// Where among the rows of a scope to begin.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Start {
    /// Number of the subscription.
    pub(crate) subscription: usize,
    pub(crate) day: Date,
    /// Rows of that day in it that are left out.
    pub(crate) skip: usize,
}

#[derive(Debug, PartialEq, Eq)]
enum Kind {
    Subscription,
    ManagementGroup(&'static str),
    /// The account.
    Billing(&'static str),
}

impl QueryScope {
    /// The scope of a path, without regard to case.
    pub(crate) fn parse(path: &str, all: &Subscriptions) -> Result<Self, ArmError> {
        let lower = path.to_ascii_lowercase();
        let segments: Vec<_> = lower.split('/').filter(|segment| !segment.is_empty()).collect();
        match segments.as_slice() {
            ["subscriptions", ..] => Ok(CostScope::parse(path, all)?.into()),
            ["providers", "microsoft.management", "managementgroups", id] => Self::management_group(id, all),
            ["providers", "microsoft.billing", "billingaccounts", rest @ ..] if !rest.is_empty() => {
                Self::billing(&rest.join("/"), all)
            }
            _ => Err(ArmError::not_found(path)),
        }
    }

    /// A management group. One without any subscription that Cost Management adds up there is refused.
    pub(crate) fn management_group(id: &str, all: &Subscriptions) -> Result<Self, ArmError> {
        let group = MANAGEMENT_GROUPS.iter().find(|group| group.id.eq_ignore_ascii_case(id));
        let group = group.ok_or_else(|| ArmError::not_found(&format!("managementGroups/{id}")))?;
        // Those of a Customer Agreement are left out of the answer without a word:
        // https://github.com/MicrosoftDocs/azure-docs/issues/88133
        let mut subscriptions = found(group.subscriptions, all);
        subscriptions.retain(|subscription| subscription.agreement != Agreement::Customer);
        if subscriptions.is_empty() {
            let message = format!("Management group {} does not have any valid subscriptions.", group.id);
            return Err(ArmError::bad_request(message));
        }
        let path = format!("/providers/Microsoft.Management/managementGroups/{}", group.id);
        Ok(Self::new(path, Kind::ManagementGroup(group.id), Agreement::Enterprise, subscriptions))
    }

    /// A billing account or a part of one, by its path behind `billingAccounts/`.
    pub(crate) fn billing(path: &str, all: &Subscriptions) -> Result<Self, ArmError> {
        let scope = BILLING_SCOPES.iter().find(|scope| scope.path.eq_ignore_ascii_case(path));
        let scope = scope.ok_or_else(|| ArmError::not_found(&format!("billingAccounts/{path}")))?;
        let account = scope.path.split('/').next().unwrap_or_default();
        let agreement = if scope.is_enterprise { Agreement::Enterprise } else { Agreement::Customer };
        let path = format!("/providers/Microsoft.Billing/billingAccounts/{}", scope.path);
        Ok(Self::new(path, Kind::Billing(account), agreement, found(scope.subscriptions, all)))
    }

    fn new(path: String, kind: Kind, agreement: Agreement, subscriptions: Vec<Arc<Subscription>>) -> Self {
        Self { path, kind, agreement, subscriptions, resource_group: None }
    }

    /// The usage rows of the scope.
    pub(crate) fn rows<'a>(&'a self, wanted: Wanted<'a>) -> impl Iterator<Item = Row<'a>> {
        self.rows_from(Start { subscription: 0, day: wanted.from, skip: 0 }, wanted)
    }

    /// The same from one of them on.
    pub(crate) fn rows_from<'a>(&'a self, start: Start, wanted: Wanted<'a>) -> impl Iterator<Item = Row<'a>> {
        let hides_unused = wanted.view.has_unused_above() && !matches!(self.kind, Kind::Billing(_));
        let all = self.subscriptions.iter().enumerate().skip(start.subscription);
        let all = all.flat_map(move |(at, one)| {
            let from = if at == start.subscription { start.day } else { wanted.from };
            rows(one, self.resource_group.as_deref(), Wanted { from, ..wanted })
        });
        all.filter(move |row| !(hides_unused && row.is_unused())).skip(start.skip)
    }

    /// The number of a subscription whose rows are among those of the scope.
    pub(crate) fn position(&self, subscription: &Subscription) -> usize {
        let is_it = |one: &Arc<Subscription>| std::ptr::eq(Arc::as_ptr(one), subscription);
        self.subscriptions.iter().position(is_it).unwrap_or_default()
    }

    /// How many things are charged in it.
    pub(crate) fn lines(&self) -> usize {
        self.subscriptions.iter().map(|one| one.lines.len()).sum()
    }

    /// How what lies in it was bought.
    pub(crate) fn agreement(&self) -> Agreement {
        self.agreement
    }

    /// Whether something in it is charged by such a line.
    pub(crate) fn has_line(&self, is_it: impl Fn(&Line) -> bool) -> bool {
        self.subscriptions.iter().any(|one| one.lines.iter().any(&is_it))
    }

    /// The dimensions of its agreement. What a query cannot be grouped by here stands among them, as in the examples.
    pub(crate) fn dimensions(&self) -> &'static [&'static str] {
        self.agreement.dimensions()
    }

    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// What its budgets are in: the currency of most of its charges.
    pub(crate) fn currency(&self) -> &'static str {
        let is_in = |line: &&Line| {
            self.resource_group.as_ref().is_none_or(|group| group.eq_ignore_ascii_case(&line.group))
        };
        let lines = || self.subscriptions.iter().flat_map(|one| one.lines.iter().filter(is_in));
        let charges = |currency: &str| lines().filter(|line| line.currency == currency).count();
        let most = lines().map(|line| line.currency).max_by_key(|currency| (charges(currency), *currency));
        most.unwrap_or("EUR")
    }

    /// Whether it was bought without an agreement.
    pub(crate) fn is_pay_as_you_go(&self) -> bool {
        self.agreement == Agreement::PayAsYouGo
    }

    /// Whether resources can be told apart here: above subscriptions they cannot.
    pub(super) fn has_resources(&self) -> bool {
        self.kind == Kind::Subscription
    }

    /// The examples of the specification for scopes above subscriptions have an older version and another spelling in their
    /// next links.
    pub(super) fn has_old_links(&self) -> bool {
        self.kind != Kind::Subscription
    }

    /// An answer of a management group has a date column even where none was asked for.
    pub(super) fn dates_anyhow(&self) -> bool {
        matches!(self.kind, Kind::ManagementGroup(_))
    }

    /// The same for what benefits and commitments there are.
    pub(crate) fn authorize_benefits(&self, caller: &Caller) -> Result<(), ArmError> {
        match self.kind {
            Kind::Billing(account) if !caller.may_see_benefits(account) => {
                Err(ArmError::billing_access_denied())
            }
            _ => self.authorize(caller),
        }
    }

    /// The same for reports of cost details: there are some of subscriptions and below, of an enrolment and its parts, and of a
    /// billing profile; of nothing else.
    pub(crate) fn authorize_details(&self, caller: &Caller) -> Result<(), ArmError> {
        let action = "Microsoft.CostManagement/generateCostDetailsReport/action";
        match self.kind {
            Kind::Subscription => self.authorize(caller).map_err(|_| {
                ArmError::authorization_failed(caller.display(), caller.oid(), action, &self.path)
            }),
            Kind::Billing(_) if self.agreement == Agreement::Enterprise || self.is_profile() => {
                self.authorize(caller)
            }
            Kind::Billing(_) | Kind::ManagementGroup(_) => Err(ArmError::not_found(&self.path)),
        }
    }

    /// Whether it is a billing profile, and no section of one.
    fn is_profile(&self) -> bool {
        let segments: Vec<_> = self.path.split('/').collect();
        matches!(segments.as_slice(), [.., kind, _] if kind.eq_ignore_ascii_case("billingProfiles"))
    }

    pub(crate) fn authorize(&self, caller: &Caller) -> Result<(), ArmError> {
        match self.kind {
            Kind::Subscription
                if self
                    .subscriptions
                    .iter()
                    .all(|one| caller.may_read_costs(&one.id, self.resource_group.as_deref())) =>
            {
                Ok(())
            }
            Kind::ManagementGroup(id) if caller.may_see_group(id) => Ok(()),
            Kind::Billing(account) if caller.may_see_billing(account) => Ok(()),
            Kind::Subscription | Kind::ManagementGroup(_) => Err(ArmError::rbac_access_denied()),
            Kind::Billing(_) => Err(ArmError::billing_access_denied()),
        }
    }
}

impl From<CostScope> for QueryScope {
    fn from(scope: CostScope) -> Self {
        let (path, agreement) = (scope.path(), scope.subscription.agreement);
        let CostScope { subscription, resource_group } = scope;
        Self { resource_group, ..Self::new(path, Kind::Subscription, agreement, vec![subscription]) }
    }
}

fn found(ids: &[&str], all: &Subscriptions) -> Vec<Arc<Subscription>> {
    ids.iter().filter_map(|id| all.find(id)).collect()
}
