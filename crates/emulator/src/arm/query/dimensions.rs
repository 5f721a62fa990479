//! The dimensions costs can be grouped and filtered by.

use crate::arm::costs::{Charge, Resource, Subscription};
use crate::arm::errors::ArmError;

/// The value of dimension `name`, found without regard to case.
///
/// # Errors
/// 400 for a name that is not a dimension.
pub(super) fn value(
    subscription: &Subscription,
    resource: &Resource,
    name: &str,
) -> Result<String, ArmError> {
    let service = resource.service;
    let text = match name.to_ascii_lowercase().as_str() {
        "servicename" | "metercategory" => return Ok(format!("{}{}", service.name, subscription.written)),
        "resourcegroupname" | "resourcegroup" => &resource.group,
        "resourcelocation" => resource.region.0,
        "resourceid" => return Ok(resource.id(&subscription.id)),
        "resourcetype" => service.resource_type,
        "metersubcategory" => service.sub_category,
        "meter" => service.meter,
        "servicefamily" => service.family,
        "consumedservice" => service.provider,
        "subscriptionid" => &subscription.id,
        "subscriptionname" => &subscription.display_name,
        "chargetype" => charge_type(resource),
        "publishertype" => publisher_type(resource),
        "pricingmodel" => pricing_model(resource),
        "frequency" => frequency(resource),
        _ => {
            let message = format!(
                "Invalid query definition: Invalid dimension '{name}'; valid dimensions: ResourceGroup, ResourceGroupName, \
                 ResourceLocation, ConsumedService, ResourceType, ResourceId, MeterCategory, MeterSubCategory, Meter, \
                 ServiceName, ServiceFamily, SubscriptionId, SubscriptionName, ChargeType, PublisherType, PricingModel, \
                 Frequency."
            );
            return Err(ArmError::bad_request(message));
        }
    };
    Ok(text.to_owned())
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
