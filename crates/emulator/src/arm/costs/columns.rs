//! A row's value of each dimension that some agreement has.

use super::Row;
use crate::arm::agreement::Agreement;

impl Row<'_> {
    /// The value of a dimension. Empty where nothing is known of it, as in life.
    pub(crate) fn dimension(&self, name: &str) -> String {
        let (line, subscription) = (self.line, self.subscription);
        let service = line.service;
        let text = match name.to_ascii_lowercase().as_str() {
            "servicename" | "metercategory" => return format!("{}{}", service.name, subscription.written),
            "resourcegroupname" | "resourcegroup" => &line.group,
            "resourcelocation" => line.region.name,
            "resourceid" => return line.id(&subscription.id),
            "resourcetype" => service.resource_type,
            "meterid" | "resourceguid" => self.meter_id(),
            "metersubcategory" | "servicetier" => service.sub_category,
            "meter" => service.meter,
            "servicefamily" => service.family,
            "unitofmeasure" => service.unit,
            "consumedservice" => service.provider,
            "partnumber" => &line.meter.part_number,
            "product" => return format!("{} - {} - {}", service.name, service.meter, line.region.name),
            "subscriptionid" => &subscription.id,
            "subscriptionname" => &subscription.display_name,
            "chargetype" => self.charge_type(),
            "publishertype" | "provider" => self.publisher_type(),
            "pricingmodel" => self.pricing_model(),
            "frequency" => self.frequency(),
            "reservationid" => return self.reservation().0,
            "reservationname" => self.reservation().1,
            "benefitid" => return self.benefit().0,
            "benefitname" => self.benefit().1,
            "billingmonth" => return format!("{}T00:00:00", self.date.first_of_month()),
            _ => return self.of_agreement(name),
        };
        text.to_owned()
    }

    /// What depends on how the subscription was bought.
    fn of_agreement(&self, name: &str) -> String {
        let (section_id, section_name) = self.subscription.section;
        let text = match (self.subscription.agreement, name.to_ascii_lowercase().as_str()) {
            (Agreement::Enterprise, "billingaccountid") => "8611537",
            (Agreement::Enterprise, "departmentname") => "Production",
            (Agreement::Enterprise, "enrollmentaccountname" | "accountname") => "Contoso Factory",
            (Agreement::Enterprise, "billingperiod") => return self.date.strftime("%Y%m").to_string(),
            (Agreement::Customer, "billingaccountname" | "billingprofilename") => "Contoso",
            (Agreement::Customer, "billingprofileid") => "AAAA-BBBB-CCC-DDD",
            (Agreement::Customer, "invoicesectionname" | "invoicesection") => section_name,
            (Agreement::Customer, "invoicesectionid") => section_id,
            (Agreement::Customer, "invoiceid") if self.is_final => {
                return self.date.strftime("G0%Y%m").to_string();
            }
            _ => "",
        };
        text.to_owned()
    }
}
