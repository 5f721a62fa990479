//! What Contoso runs: services as Azure names them, and the resources of each subscription.

use super::{Charge, Resource, Subscription, UNIT, seed};
use crate::tenant::contoso::{DEV_SUBSCRIPTION, PROD_SUBSCRIPTION};
use crate::tenant::people::generated_subscription;

/// A service, with the names of all its columns.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) name: &'static str,
    pub(crate) sub_category: &'static str,
    pub(crate) meter: &'static str,
    pub(crate) family: &'static str,
    pub(crate) provider: &'static str,
    pub(crate) resource_type: &'static str,
    pub(crate) unit: &'static str,
    /// Price of one unit in 10^-8 of the currency.
    pub(crate) unit_price: i64,
    /// Use at weekends in per cent of a weekday's.
    pub(crate) weekend_percent: i64,
}

macro_rules! service {
    ($id:ident, $name:literal, $sub:literal, $meter:literal, $family:literal, $provider:literal, $kind:literal, $unit:literal,
     $price:literal, $weekend:literal) => {
        static $id: Service = Service {
            name: $name,
            sub_category: $sub,
            meter: $meter,
            family: $family,
            provider: $provider,
            resource_type: $kind,
            unit: $unit,
            unit_price: $price,
            weekend_percent: $weekend,
        };
    };
}

service!(
    VM,
    "Virtual Machines",
    "Dsv5 Series",
    "D4s v5",
    "Compute",
    "Microsoft.Compute",
    "microsoft.compute/virtualmachines",
    "1 Hour",
    19_200_000,
    62
);
service!(
    GPU,
    "Virtual Machines",
    "NCasT4_v3 Series",
    "NC8as T4 v3",
    "Compute",
    "Microsoft.Compute",
    "microsoft.compute/virtualmachines",
    "1 Hour",
    75_200_000,
    20
);
service!(
    AKS,
    "Azure Kubernetes Service",
    "Standard Uptime SLA",
    "Standard Uptime SLA",
    "Compute",
    "Microsoft.ContainerService",
    "microsoft.containerservice/managedclusters",
    "1 Hour",
    10_000_000,
    100
);
service!(
    STORAGE,
    "Storage",
    "Tiered Block Blob",
    "Hot LRS Data Stored",
    "Storage",
    "Microsoft.Storage",
    "microsoft.storage/storageaccounts",
    "1 GB/Month",
    1_840_000,
    97
);
service!(
    DISKS,
    "Storage",
    "Premium SSD Managed Disks",
    "P30 LRS Disk",
    "Storage",
    "Microsoft.Compute",
    "microsoft.compute/disks",
    "1/Month",
    12_288_000_000,
    100
);
service!(
    SQL,
    "SQL Database",
    "Single General Purpose",
    "vCore",
    "Databases",
    "Microsoft.Sql",
    "microsoft.sql/servers/databases",
    "1 Hour",
    25_300_000,
    90
);
service!(
    COSMOS,
    "Azure Cosmos DB",
    "Autoscale",
    "100 RUs",
    "Databases",
    "Microsoft.DocumentDB",
    "microsoft.documentdb/databaseaccounts",
    "1 Hour",
    1_200_000,
    80
);
service!(
    BANDWIDTH,
    "Bandwidth",
    "Rtn Preference: MGN",
    "Standard Data Transfer Out",
    "Networking",
    "Microsoft.Network",
    "microsoft.network/publicipaddresses",
    "1 GB",
    8_000_000,
    71
);
service!(
    GATEWAY,
    "Application Gateway",
    "Standard v2",
    "Capacity Units",
    "Networking",
    "Microsoft.Network",
    "microsoft.network/applicationgateways",
    "1 Hour",
    800_000,
    88
);
service!(
    APP_SERVICE,
    "Azure App Service",
    "Premium v3 Plan",
    "P1 v3",
    "Compute",
    "Microsoft.Web",
    "microsoft.web/serverfarms",
    "1 Hour",
    17_000_000,
    100
);
service!(
    CONTAINER_APPS,
    "Azure Container Apps",
    "Consumption",
    "Active vCPU Seconds",
    "Containers",
    "Microsoft.App",
    "microsoft.app/containerapps",
    "1 Second",
    3_400,
    55
);
service!(
    MONITOR,
    "Log Analytics",
    "Analytics Logs",
    "Data Ingestion",
    "Management and Governance",
    "Microsoft.OperationalInsights",
    "microsoft.operationalinsights/workspaces",
    "1 GB",
    276_000_000,
    76
);
service!(
    KEY_VAULT,
    "Key Vault",
    "Operations",
    "Operations",
    "Security",
    "Microsoft.KeyVault",
    "microsoft.keyvault/vaults",
    "10K",
    3_000_000,
    84
);
service!(
    DEFENDER,
    "Microsoft Defender for Cloud",
    "Servers",
    "Standard P2 Node",
    "Security",
    "Microsoft.Security",
    "microsoft.security/pricings",
    "1 Hour",
    2_000_000,
    100
);
service!(
    OPENAI,
    "Foundry Models",
    "Azure OpenAI",
    "gpt outp glbl Tokens",
    "AI + Machine Learning",
    "Microsoft.CognitiveServices",
    "microsoft.cognitiveservices/accounts",
    "1K",
    1_000_000,
    35
);
service!(
    BACKUP,
    "Backup",
    "Standard",
    "LRS Data Stored",
    "Storage",
    "Microsoft.RecoveryServices",
    "microsoft.recoveryservices/vaults",
    "1 GB/Month",
    2_240_000,
    100
);
service!(
    SAAS,
    "SaaS",
    "Observability Platform",
    "Ingested Spans",
    "SaaS",
    "Microsoft.SaaS",
    "microsoft.saas/resources",
    "1",
    500_000_000,
    92
);
service!(
    RESERVED,
    "Virtual Machines",
    "Dsv5 Series Reservation",
    "D4s v5",
    "Compute",
    "Microsoft.Capacity",
    "microsoft.capacity/reservationorders",
    "1 Month",
    62_000_000_000,
    100
);

const WEST_EUROPE: (&str, &str) = ("EU West", "westeurope");
const NORTH_EUROPE: (&str, &str) = ("EU North", "northeurope");
const GERMANY: (&str, &str) = ("DE West Central", "germanywestcentral");
const GLOBAL: (&str, &str) = ("Unassigned", "");

/// Service, resource group, name, region, cents a day, team.
type Line = (&'static Service, &'static str, &'static str, (&'static str, &'static str), i64, &'static str);

/// "Contoso Prod": in EUR, with one marketplace product in USD.
pub(super) fn prod() -> Subscription {
    let lines: &[Line] = &[
        (&VM, "rg-shop", "vm-shop-01", WEST_EUROPE, 921, "shop"),
        (&VM, "rg-shop", "vm-shop-02", WEST_EUROPE, 921, "shop"),
        (&VM, "rg-shop", "vm-shop-03", NORTH_EUROPE, 921, "shop"),
        (&VM, "rg-erp", "vm-erp-app", WEST_EUROPE, 1_842, "erp"),
        (&DISKS, "rg-shop", "disk-shop-01", WEST_EUROPE, 409, "shop"),
        (&DISKS, "rg-erp", "disk-erp-data", WEST_EUROPE, 1_229, "erp"),
        (&AKS, "rg-platform", "aks-prod", WEST_EUROPE, 240, "platform"),
        (&APP_SERVICE, "rg-shop", "plan-shop", WEST_EUROPE, 816, "shop"),
        (&CONTAINER_APPS, "rg-platform", "ca-notifications", WEST_EUROPE, 187, "platform"),
        (&SQL, "rg-shop", "sql-shop/orders", WEST_EUROPE, 2_430, "shop"),
        (&SQL, "rg-erp", "sql-erp/ledger", WEST_EUROPE, 3_645, "erp"),
        (&COSMOS, "rg-shop", "cosmos-catalogue", WEST_EUROPE, 1_152, "shop"),
        (&STORAGE, "rg-shop", "stshopmedia", WEST_EUROPE, 386, "shop"),
        (&STORAGE, "rg-platform", "stplatformlogs", NORTH_EUROPE, 214, "platform"),
        (&STORAGE, "rg-data", "stdatalake", WEST_EUROPE, 1_490, "data"),
        (&BANDWIDTH, "rg-shop", "pip-shop", WEST_EUROPE, 655, "shop"),
        (&GATEWAY, "rg-platform", "agw-prod", WEST_EUROPE, 702, "platform"),
        (&MONITOR, "rg-platform", "log-prod", WEST_EUROPE, 1_104, "platform"),
        (&KEY_VAULT, "rg-platform", "kv-prod", WEST_EUROPE, 11, "platform"),
        (&DEFENDER, "rg-platform", "defender-servers", GLOBAL, 288, "platform"),
        (&OPENAI, "rg-data", "aif-assistant", GERMANY, 2_075, "data"),
        (&BACKUP, "rg-erp", "rsv-erp", WEST_EUROPE, 318, "erp"),
    ];
    let mut resources = from_lines(lines, "prod");
    resources.push(Resource {
        charge: Charge::Reservation,
        ..resource((&RESERVED, "rg-platform", "ri-d4s-v5", WEST_EUROPE, 2_067, "platform"), "prod")
    });
    resources.push(Resource {
        charge: Charge::Marketplace,
        currency: "USD",
        ..resource((&SAAS, "rg-platform", "observability-saas", GLOBAL, 1_320, "platform"), "prod")
    });
    subscription(PROD_SUBSCRIPTION.to_owned(), "Contoso Prod".to_owned(), "prod", resources)
}

/// "Contoso Dev": smaller, in EUR, with a burst of GPU machines each month.
pub(super) fn dev() -> Subscription {
    let lines: &[Line] = &[
        (&VM, "rg-dev-shop", "vm-dev-01", WEST_EUROPE, 310, "shop"),
        (&VM, "rg-dev-erp", "vm-dev-erp", WEST_EUROPE, 424, "erp"),
        (&APP_SERVICE, "rg-dev-shop", "plan-dev", WEST_EUROPE, 204, "shop"),
        (&SQL, "rg-dev-shop", "sql-dev/orders", WEST_EUROPE, 361, "shop"),
        (&STORAGE, "rg-dev-shop", "stdevmedia", WEST_EUROPE, 37, "shop"),
        (&STORAGE, "rg-ml-sandbox", "stmlsandbox", NORTH_EUROPE, 92, "data"),
        (&MONITOR, "rg-dev-shop", "log-dev", WEST_EUROPE, 128, "platform"),
        (&KEY_VAULT, "rg-dev-shop", "kv-dev", WEST_EUROPE, 2, "platform"),
        (&OPENAI, "rg-ml-sandbox", "aif-sandbox", GERMANY, 266, "data"),
    ];
    let mut resources = from_lines(lines, "dev");
    resources.push(Resource {
        charge: Charge::Bursty,
        ..resource((&GPU, "rg-ml-sandbox", "vm-gpu-train", NORTH_EUROPE, 760, "data"), "dev")
    });
    subscription(DEV_SUBSCRIPTION.to_owned(), "Contoso Dev".to_owned(), "dev", resources)
}

/// The subscription of one generated person: a resource group named after them, and amounts nobody else has.
pub(super) fn generated(number: usize) -> Subscription {
    let share = 100 + i64::try_from(number * 37 % 1_900).unwrap_or_default();
    let group = format!("rg-person-{number:04}");
    let lines: &[Line] = &[
        (&VM, "", "vm-own", WEST_EUROPE, 410, "own"),
        (&STORAGE, "", "stown", WEST_EUROPE, 96, "own"),
        (&SQL, "", "sql-own/main", WEST_EUROPE, 372, "own"),
        (&BANDWIDTH, "", "pip-own", NORTH_EUROPE, 58, "own"),
        (&MONITOR, "", "log-own", WEST_EUROPE, 133, "own"),
    ];
    let own = |line: &Line| {
        let made = resource(*line, "sandbox");
        let seed = seed(&format!("{group}/{}", made.name));
        Resource { group: group.clone(), daily: made.daily * share / 100, seed, ..made }
    };
    let resources = lines.iter().map(own).collect();
    subscription(generated_subscription(number), format!("Person {number:04}"), "sandbox", resources)
}

fn subscription(
    id: String,
    display_name: String,
    environment: &'static str,
    resources: Vec<Resource>,
) -> Subscription {
    Subscription { id, display_name, environment, written: String::new(), resources }
}

fn from_lines(lines: &[Line], environment: &str) -> Vec<Resource> {
    lines.iter().map(|line| resource(*line, environment)).collect()
}

fn resource((service, group, name, region, cents, team): Line, environment: &str) -> Resource {
    // Infrastructure nobody has tagged is in every real bill.
    let tagged = !matches!(service.name, "Bandwidth" | "Microsoft Defender for Cloud");
    let tags =
        if tagged { vec![("env", environment.to_owned()), ("team", team.to_owned())] } else { Vec::new() };
    Resource {
        name: name.to_owned(),
        group: group.to_owned(),
        service,
        region,
        tags,
        currency: "EUR",
        charge: Charge::Usage,
        daily: cents * UNIT / 100,
        seed: seed(&format!("{environment}/{group}/{name}")),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Span;
    use jiff::civil::date;

    use super::{dev, generated, prod};
    use crate::arm::costs::{Basis, FIRST_DAY, Subscription};

    /// Resources; and actual, amortized, in USD and used, each over all days, in 10^-8.
    fn totals(subscription: &Subscription) -> (usize, [i64; 4]) {
        let today = date(2026, 11, 20);
        let mut totals = [0; 4];
        for day in FIRST_DAY.series(Span::new().days(1)).take_while(|day| *day <= today) {
            for resource in &subscription.resources {
                let (actual, amortized) =
                    (resource.cost(day, today, Basis::Actual), resource.cost(day, today, Basis::Amortized));
                let found = [actual, amortized, resource.in_usd(actual), resource.quantity(actual)];
                totals.iter_mut().zip(found).for_each(|(total, one)| *total += one);
            }
        }
        (subscription.resources.len(), totals)
    }

    #[test]
    fn totals_are_those_that_demos_and_documents_show() {
        let found = [prod(), dev(), generated(7)].map(|subscription| totals(&subscription));
        assert_eq!(
            found,
            [
                (24, [19_644_259_300_090, 19_622_349_100_090, 21_130_030_586_858, 4_426_648_789_640_542]),
                (10, [2_130_221_818_599, 2_130_221_818_599, 2_300_639_560_794, 29_861_851_183_087]),
                (5, [2_981_184_601_060, 2_981_184_601_060, 3_219_679_367_513, 27_457_244_250_272]),
            ]
        );
    }
}
