//! Azure's dimensions, by the names that people have for them.

use cost::{Grouping, folded, nearest, quoted, steps};

/// Azure's names, as its agreements list them
/// (<https://github.com/Azure/azure-rest-api-specs/issues/32810>, <https://github.com/mivano/azure-cost-cli/issues/25>): first
/// those that are asked for most.
const NAMES: &[&str] = &[
    "ServiceName",
    "ResourceGroupName",
    "ResourceLocation",
    "ResourceId",
    "ResourceType",
    "Meter",
    "MeterCategory",
    "MeterSubcategory",
    "SubscriptionId",
    "SubscriptionName",
    "ChargeType",
    "PricingModel",
    "PublisherType",
    "ServiceFamily",
    "ServiceTier",
    "ResourceGroup",
    "ConsumedService",
    "MeterId",
    "UnitOfMeasure",
    "Product",
    "ReservationId",
    "ReservationName",
    "BenefitId",
    "BenefitName",
    "Frequency",
    "PartNumber",
    "BillingMonth",
    "BillingPeriod",
    "InvoiceId",
    "InvoiceNumber",
    "AccountName",
    "DepartmentName",
    "EnrollmentAccountName",
    "BillingAccountId",
    "BillingAccountName",
    "BillingProfileId",
    "BillingProfileName",
    "InvoiceSection",
    "InvoiceSectionId",
    "InvoiceSectionName",
    "ProductOrderId",
    "ProductOrderName",
    "ResourceGuid",
    "CostAllocationRuleName",
    "MarkupRuleName",
    "Provider",
    "CustomerName",
    "CustomerTenantId",
    "CustomerTenantDomainName",
    "PartnerName",
    "ResellerMPNId",
    "PartnerEarnedCreditApplied",
];

/// What else they are called; the words are folded, and one may stand in the plural.
const SYNONYMS: &[(&str, &str)] = &[
    ("service", "ServiceName"),
    ("azureservice", "ServiceName"),
    ("product", "Product"),
    ("resourcegroup", "ResourceGroupName"),
    ("rg", "ResourceGroupName"),
    ("group", "ResourceGroupName"),
    ("region", "ResourceLocation"),
    ("location", "ResourceLocation"),
    ("azureregion", "ResourceLocation"),
    ("resourceregion", "ResourceLocation"),
    ("datacenter", "ResourceLocation"),
    ("metername", "Meter"),
    ("meter", "Meter"),
    ("category", "MeterCategory"),
    ("subcategory", "MeterSubcategory"),
    ("resource", "ResourceId"),
    ("resourcename", "ResourceId"),
    ("instance", "ResourceId"),
    ("instanceid", "ResourceId"),
    ("type", "ResourceType"),
    ("subscription", "SubscriptionId"),
    ("account", "AccountName"),
    ("department", "DepartmentName"),
    ("enrollmentaccount", "EnrollmentAccountName"),
    ("billingprofile", "BillingProfileName"),
    ("billingaccount", "BillingAccountName"),
    ("invoice", "InvoiceId"),
    ("reservation", "ReservationName"),
    ("benefit", "BenefitName"),
    ("commitment", "BenefitName"),
    ("charge", "ChargeType"),
    ("chargecategory", "ChargeType"),
    ("pricing", "PricingModel"),
    ("publisher", "PublisherType"),
    ("family", "ServiceFamily"),
    ("tier", "ServiceTier"),
    ("unit", "UnitOfMeasure"),
    ("customer", "CustomerName"),
    ("costallocationrule", "CostAllocationRuleName"),
    ("markuprule", "MarkupRuleName"),
    ("partner", "PartnerName"),
];

/// Words that are no dimension, with what is meant by them.
const ELSEWHERE: &[(&str, &str)] = &[
    ("day", "costs by day are asked for with \"granularity\": \"daily\""),
    ("date", "costs by day are asked for with \"granularity\": \"daily\""),
    ("daily", "costs by day are asked for with \"granularity\": \"daily\""),
    ("usagedate", "costs by day are asked for with \"granularity\": \"daily\""),
    ("month", "costs by month are asked for with \"granularity\": \"monthly\""),
    ("monthly", "costs by month are asked for with \"granularity\": \"monthly\""),
    ("currency", "every answer is split by currency already"),
    ("tag", "a tag is named by its key, as tag:KEY; list_dimensions lists the keys"),
    ("tagkey", "a tag is named by its key, as tag:KEY; list_dimensions lists the keys"),
    ("cost", "what is summed is asked for with \"measures\""),
    ("quantity", "what is summed is asked for with \"measures\""),
];

/// The dimension or tag that a word means. A name that is like none here, and is written as Azure writes names, may be one that
/// Azure has: it goes there, and Azure's answer lists those that an agreement has.
///
/// # Errors
/// Says what would be right, the nearest first.
pub(in crate::mcp::tools) fn read(word: &str) -> Result<Grouping, String> {
    let word = word.trim();
    if let Some(key) = tag_key(word) {
        return match key {
            "" => Err("a tag is named by its key, as tag:KEY; list_dimensions lists the keys".to_owned()),
            key => Ok(Grouping::Tag(key.to_owned())),
        };
    }
    if let Some(name) = known(word) {
        return Ok(Grouping::Dimension(name.to_owned()));
    }
    let plain = folded(word);
    if let Some((_, hint)) = ELSEWHERE.iter().find(|(word, _)| *word == singular(&plain) || *word == plain) {
        return Err(format!("'{word:.60}' is no dimension: {hint}"));
    }
    if may_be_azures(word) {
        return Ok(Grouping::Dimension(word.to_owned()));
    }
    let nearest = quoted(nearest_names(word));
    Err(format!(
        "there is no dimension '{word:.60}'; the nearest are {nearest}; a tag is tag:KEY; list_dimensions lists all"
    ))
}

/// The names that are nearest to a word, by whatever people call them.
fn nearest_names(word: &str) -> Vec<&'static str> {
    const MOST: usize = 5;
    let words = NAMES.iter().map(|name| (*name, *name)).chain(SYNONYMS.iter().copied());
    let mut names = Vec::new();
    for near in nearest(word, words.clone().map(|(word, _)| word), usize::MAX) {
        let name = words.clone().find(|(word, _)| *word == near).map(|(_, name)| name);
        if let Some(name) = name.filter(|name| !names.contains(name)) {
            names.push(name);
        }
    }
    names.truncate(MOST);
    names
}

/// What an answer calls it.
pub(in crate::mcp::tools) fn title(grouping: &Grouping) -> String {
    match grouping {
        Grouping::Dimension(name) => name.clone(),
        Grouping::Tag(key) => format!("tag:{key}"),
    }
}

/// What a sentence calls one value of it.
pub(in crate::mcp::tools) fn in_words(grouping: &Grouping) -> String {
    match grouping {
        Grouping::Tag(key) => format!("tag {key}"),
        Grouping::Dimension(name) => match name.as_str() {
            "ServiceName" => "service".to_owned(),
            "ResourceGroupName" | "ResourceGroup" => "resource group".to_owned(),
            "ResourceLocation" => "region".to_owned(),
            "ResourceId" => "resource".to_owned(),
            "Meter" => "meter".to_owned(),
            "SubscriptionId" | "SubscriptionName" => "subscription".to_owned(),
            other => other.to_owned(),
        },
    }
}

fn tag_key(word: &str) -> Option<&str> {
    let (prefix, key) = word.split_once([':', '=', '/'])?;
    matches!(folded(prefix).as_str(), "tag" | "tags" | "tagkey").then(|| key.trim().trim_matches('"'))
}

fn known(word: &str) -> Option<&'static str> {
    let plain = folded(word);
    let exactly = || NAMES.iter().find(|name| name.eq_ignore_ascii_case(word)).copied();
    let synonym = |word: &str| SYNONYMS.iter().find(|(also, _)| *also == word).map(|(_, name)| *name);
    let spelt = |word: &str| NAMES.iter().find(|name| folded(name) == word).copied();
    exactly()
        .or_else(|| synonym(&plain))
        .or_else(|| spelt(&plain))
        .or_else(|| synonym(singular(&plain)))
        .or_else(|| spelt(singular(&plain)))
}

fn singular(word: &str) -> &str {
    match word.strip_suffix("ies") {
        Some("categor") => "category",
        Some("subcategor") => "subcategory",
        _ => word.strip_suffix('s').unwrap_or(word),
    }
}

/// Written as `TwoWords`, and not a slip of the pen in a name that is known.
fn may_be_azures(word: &str) -> bool {
    const SLIPS: usize = 3;
    let is_written_so = word.len() <= 64
        && word.starts_with(|c: char| c.is_ascii_uppercase())
        && word.chars().all(|c| c.is_ascii_alphanumeric())
        && word.chars().any(|c| c.is_ascii_lowercase())
        && word.chars().filter(char::is_ascii_uppercase).count() > 1;
    is_written_so && NAMES.iter().all(|name| steps(&folded(word), &folded(name)) > SLIPS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dimension(name: &str) -> Grouping {
        Grouping::Dimension(name.to_owned())
    }

    #[test]
    fn names_and_synonyms_are_understood_in_any_case() {
        for (words, name) in [
            (
                &[
                    "ServiceName",
                    "servicename",
                    "SERVICENAME",
                    "service",
                    "Services",
                    "service name",
                    "service_name",
                ][..],
                "ServiceName",
            ),
            (
                &["resource group", "resource_group", "Resource-Groups", "rg", "RESOURCEGROUPNAME"],
                "ResourceGroupName",
            ),
            (&["ResourceGroup", "resourcegroup"], "ResourceGroup"),
            (&["region", "regions", "location", " ResourceLocation "], "ResourceLocation"),
            (&["meter", "Meters", "meter name"], "Meter"),
            (&["meter category", "category", "categories"], "MeterCategory"),
            (&["meterSubCategory", "meter sub-category", "subcategories"], "MeterSubcategory"),
            (&["resource", "resources", "resource id", "resource_name"], "ResourceId"),
            (&["subscription", "subscriptions", "subscription_id"], "SubscriptionId"),
            (&["subscription name"], "SubscriptionName"),
            (&["unit", "unit of measure"], "UnitOfMeasure"),
            (&["department"], "DepartmentName"),
        ] {
            for word in words {
                assert_eq!(read(word), Ok(dimension(name)), "{word}");
            }
        }
    }

    #[test]
    fn a_tag_is_its_key() {
        for word in [
            "tag:cost center",
            "Tag: cost center",
            "tags:cost center",
            "TagKey:\"cost center\"",
            "tag=cost center",
        ] {
            assert_eq!(read(word), Ok(Grouping::Tag("cost center".to_owned())), "{word}");
        }
        assert_eq!(read("tag:a:b"), Ok(Grouping::Tag("a:b".to_owned())));
        for word in ["tag", "tags", "tag:", "TagKey"] {
            assert!(read(word).unwrap_err().contains("tag:KEY"), "{word}");
        }
    }

    #[test]
    fn a_wrong_word_is_answered_with_the_nearest() {
        for (word, nearest) in [
            ("servce", "ServiceName"),
            ("Servicename2", "ServiceName"),
            ("ServiceNam", "ServiceName"),
            ("resourcegrop", "ResourceGroup"),
            ("loction", "ResourceLocation"),
            ("metr", "Meter"),
            ("pricing modl", "PricingModel"),
            ("chargetipe", "ChargeType"),
        ] {
            let said = read(word).unwrap_err();
            let first = format!("'{word}'; the nearest are '{nearest}");
            assert!(said.contains(&first), "{said}");
        }
        for (word, hint) in
            [("day", "granularity"), ("Months", "monthly"), ("currency", "already"), ("cost", "measures")]
        {
            assert!(read(word).unwrap_err().contains(hint), "{word}");
        }
    }

    #[test]
    fn what_azure_may_have_goes_to_azure() {
        assert_eq!(read("CarbonScore"), Ok(dimension("CarbonScore")));
        for word in ["carbonscore", "Carbon", "Carbon Score", "CARBON", "Carbon-Score"] {
            assert!(read(word).is_err(), "{word}");
        }
    }

    #[test]
    fn every_synonym_is_folded_and_of_a_name() {
        for (word, name) in SYNONYMS {
            assert_eq!(folded(word), *word);
            assert!(NAMES.contains(name), "{name}");
        }
    }
}
