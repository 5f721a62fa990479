//! A raw row as the control API hands it out: amounts as decimal text, every column by its name.

use serde_json::{Map, Value, json};

use super::{Row, decimal};

impl Row<'_> {
    /// All columns. `dimensions` has those of the agreement, by the names that queries know them by.
    pub(crate) fn to_json(self) -> Value {
        let (line, subscription) = (self.line, self.subscription);
        let service = line.service;
        let ((reservation_id, reservation_name), (benefit_id, benefit_name)) =
            (self.reservation(), self.benefit());
        let names = subscription.agreement.dimensions();
        let dimensions: Map<_, _> =
            names.iter().map(|name| ((*name).to_owned(), self.dimension(name).into())).collect();
        let (inherited, own): (Map<_, _>, Map<_, _>) = self
            .tags()
            .into_iter()
            .map(|(key, value)| (key.to_owned(), Value::from(value)))
            .partition(|(key, _)| self.inherits_tag(key));
        json!({
            "date": self.date.to_string(),
            "agreement": subscription.agreement.short_name(),
            "subscriptionId": subscription.id, "subscriptionName": subscription.display_name,
            "resourceGroup": line.group, "resourceId": line.id(&subscription.id),
            "resourceType": service.resource_type, "resourceLocation": line.region.name,
            "serviceName": self.dimension("ServiceName"), "serviceFamily": service.family,
            "meterCategory": self.dimension("MeterCategory"), "meterSubCategory": service.sub_category,
            "meter": service.meter, "meterId": self.meter_id(), "unitOfMeasure": service.unit,
            "quantity": decimal(self.quantity), "unitPrice": decimal(self.unit_price),
            "cost": decimal(self.cost), "costUsd": decimal(self.usd()), "currency": line.currency,
            "chargeType": self.charge_type(), "pricingModel": self.pricing_model(),
            "publisherType": self.publisher_type(), "frequency": self.frequency(),
            "reservationId": reservation_id, "reservationName": reservation_name,
            "benefitId": benefit_id, "benefitName": benefit_name,
            "tags": own, "inheritedTags": inherited,
            "dimensions": dimensions,
        })
    }
}
