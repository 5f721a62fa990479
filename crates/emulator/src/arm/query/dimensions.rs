//! The dimensions costs can be grouped and filtered by.

use super::scope::QueryScope;
use crate::arm::costs::{Charge, Resource, Subscription};
use crate::arm::errors::ArmError;
use crate::tenant::ids::object_id;

/// Whether the scope has a dimension of this name, without regard to case.
///
/// # Errors
/// 400 with all that it has, in the service's words: <https://github.com/mivano/azure-cost-cli/issues/25>.
pub(super) fn check(scope: &QueryScope, name: &str, place: &str) -> Result<(), ArmError> {
    let has = |known: &&str| scope.has_resources() || *known != "ResourceId";
    let known: Vec<_> = scope.agreement.dimensions().iter().copied().filter(has).collect();
    if known.iter().any(|known| known.eq_ignore_ascii_case(name)) {
        return Ok(());
    }
    let valid = known.join("','");
    Err(ArmError::bad_request(format!(
        "Invalid query definition: Invalid dataset {place}: '{name}'; valid values: '{valid}',''.\r\n\r\n"
    )))
}

/// The value of a dimension that the scope has. Empty where nothing is known of it, as in life.
pub(super) fn value(subscription: &Subscription, resource: &Resource, name: &str) -> String {
    let service = resource.service;
    let text = match name.to_ascii_lowercase().as_str() {
        "servicename" | "metercategory" => return format!("{}{}", service.name, subscription.written),
        "resourcegroupname" | "resourcegroup" => &resource.group,
        "resourcelocation" => resource.region.0,
        "resourceid" => return resource.id(&subscription.id),
        "resourcetype" => service.resource_type,
        "meterid" => return meter_id(service.meter),
        "metersubcategory" => service.sub_category,
        "meter" => service.meter,
        "servicefamily" => service.family,
        "unitofmeasure" => service.unit,
        "consumedservice" => service.provider,
        "subscriptionid" => &subscription.id,
        "subscriptionname" => &subscription.display_name,
        "chargetype" => charge_type(resource),
        "publishertype" => publisher_type(resource),
        "pricingmodel" => pricing_model(resource),
        "frequency" => frequency(resource),
        "billingaccountname" | "billingprofilename" => "Contoso",
        "billingaccountid" => "8611537",
        "departmentname" => "Production",
        "enrollmentaccountname" | "accountname" => "Contoso Factory",
        "invoicesectionname" | "invoicesection" => "IT",
        "provider" if resource.charge == Charge::Marketplace => "Marketplace",
        "provider" => "Azure",
        _ => "",
    };
    text.to_owned()
}

/// A meter's id, which follows from its name here.
pub(crate) fn meter_id(meter: &str) -> String {
    object_id("meter", meter)
}

pub(crate) fn charge_type(resource: &Resource) -> &'static str {
    if resource.charge == Charge::Reservation { "Purchase" } else { "Usage" }
}

pub(crate) fn publisher_type(resource: &Resource) -> &'static str {
    if resource.charge == Charge::Marketplace { "Marketplace" } else { "Azure" }
}

pub(crate) fn pricing_model(resource: &Resource) -> &'static str {
    if resource.charge == Charge::Reservation { "Reservation" } else { "OnDemand" }
}

pub(crate) fn frequency(resource: &Resource) -> &'static str {
    match resource.charge {
        Charge::Reservation => "Recurring",
        Charge::Usage | Charge::Marketplace | Charge::Bursty => "UsageBased",
    }
}
