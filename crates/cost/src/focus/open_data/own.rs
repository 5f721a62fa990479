//! The table of our own, from Microsoft's documentation: regions
//! (<https://learn.microsoft.com/azure/reliability/regions-list>), services by the categories of meters, types of resources.

use super::{Region, Service, Tables, region_key, service_key};

/// Id, name, and as meters write it.
const REGIONS: [(&str, &str, &str); 55] = [
    ("australiacentral", "Australia Central", "AU Central"),
    ("australiaeast", "Australia East", "AU East"),
    ("australiasoutheast", "Australia Southeast", "AU Southeast"),
    ("austriaeast", "Austria East", "AT East"),
    ("belgiumcentral", "Belgium Central", "BE Central"),
    ("brazilsouth", "Brazil South", "BR South"),
    ("brazilsoutheast", "Brazil Southeast", "BR Southeast"),
    ("canadacentral", "Canada Central", "CA Central"),
    ("canadaeast", "Canada East", "CA East"),
    ("centralindia", "Central India", "IN Central"),
    ("centralus", "Central US", "US Central"),
    ("chilecentral", "Chile Central", "CL Central"),
    ("eastasia", "East Asia", "AP East"),
    ("eastus", "East US", "US East"),
    ("eastus2", "East US 2", "US East 2"),
    ("francecentral", "France Central", "FR Central"),
    ("francesouth", "France South", "FR South"),
    ("germanynorth", "Germany North", "DE North"),
    ("germanywestcentral", "Germany West Central", "DE West Central"),
    ("global", "Global", ""),
    ("indonesiacentral", "Indonesia Central", "ID Central"),
    ("israelcentral", "Israel Central", "IL Central"),
    ("italynorth", "Italy North", "IT North"),
    ("japaneast", "Japan East", "JA East"),
    ("japanwest", "Japan West", "JA West"),
    ("koreacentral", "Korea Central", "KR Central"),
    ("koreasouth", "Korea South", "KR South"),
    ("malaysiawest", "Malaysia West", "MY West"),
    ("mexicocentral", "Mexico Central", "MX Central"),
    ("newzealandnorth", "New Zealand North", "NZ North"),
    ("northcentralus", "North Central US", "US North Central"),
    ("northeurope", "North Europe", "EU North"),
    ("norwayeast", "Norway East", "NO East"),
    ("norwaywest", "Norway West", "NO West"),
    ("polandcentral", "Poland Central", "PL Central"),
    ("qatarcentral", "Qatar Central", "QA Central"),
    ("southafricanorth", "South Africa North", "ZA North"),
    ("southafricawest", "South Africa West", "ZA West"),
    ("southcentralus", "South Central US", "US South Central"),
    ("southeastasia", "Southeast Asia", "AP Southeast"),
    ("southindia", "South India", "IN South"),
    ("spaincentral", "Spain Central", "ES Central"),
    ("swedencentral", "Sweden Central", "SE Central"),
    ("swedensouth", "Sweden South", "SE South"),
    ("switzerlandnorth", "Switzerland North", "CH North"),
    ("switzerlandwest", "Switzerland West", "CH West"),
    ("uaecentral", "UAE Central", "AE Central"),
    ("uaenorth", "UAE North", "AE North"),
    ("uksouth", "UK South", "UK South"),
    ("ukwest", "UK West", "UK West"),
    ("westcentralus", "West Central US", "US West Central"),
    ("westeurope", "West Europe", "EU West"),
    ("westus", "West US", "US West"),
    ("westus2", "West US 2", "US West 2"),
    ("westus3", "West US 3", "US West 3"),
];

/// The category of a meter, and FOCUS's category and subcategory of it.
const SERVICES: [(&str, &str, &str); 46] = [
    ("API Management", "Integration", "API Management"),
    ("Application Gateway", "Networking", "Application Networking"),
    ("Automation", "Management and Governance", "Other (Management and Governance)"),
    ("Azure App Service", "Web", "Application Platforms"),
    ("Azure Container Apps", "Compute", "Containers"),
    ("Azure Cosmos DB", "Databases", "NoSQL Databases"),
    ("Azure Data Factory v2", "Analytics", "Data Processing"),
    ("Azure Database for MySQL", "Databases", "Relational Databases"),
    ("Azure Database for PostgreSQL", "Databases", "Relational Databases"),
    ("Azure Databricks", "Analytics", "Data Processing"),
    ("Azure DNS", "Networking", "Network Infrastructure"),
    ("Azure Firewall", "Networking", "Network Security"),
    ("Azure Front Door Service", "Networking", "Content Delivery"),
    ("Azure Kubernetes Service", "Compute", "Containers"),
    ("Azure Machine Learning", "AI and Machine Learning", "Machine Learning"),
    ("Azure Monitor", "Management and Governance", "Observability"),
    ("Azure Synapse Analytics", "Analytics", "Analytics Platforms"),
    ("Backup", "Storage", "Backup Storage"),
    ("Bandwidth", "Networking", "Network Connectivity"),
    ("Cognitive Search", "Analytics", "Search"),
    ("Cognitive Services", "AI and Machine Learning", "AI Platforms"),
    ("Container Instances", "Compute", "Containers"),
    ("Container Registry", "Compute", "Containers"),
    ("Content Delivery Network", "Networking", "Content Delivery"),
    ("Event Hubs", "Integration", "Messaging"),
    ("ExpressRoute", "Networking", "Network Connectivity"),
    ("Foundry Models", "AI and Machine Learning", "Generative AI"),
    ("Functions", "Compute", "Serverless Compute"),
    ("IoT Hub", "Internet of Things", "IoT Platforms"),
    ("Key Vault", "Security", "Secret Management"),
    ("Load Balancer", "Networking", "Application Networking"),
    ("Log Analytics", "Management and Governance", "Observability"),
    ("Logic Apps", "Integration", "Workflow Orchestration"),
    ("Microsoft Defender for Cloud", "Security", "Security Posture Management"),
    ("NAT Gateway", "Networking", "Network Infrastructure"),
    ("Redis Cache", "Databases", "Caching"),
    ("Sentinel", "Security", "Threat Detection and Response"),
    ("Service Bus", "Integration", "Messaging"),
    ("SQL Database", "Databases", "Relational Databases"),
    ("SQL Managed Instance", "Databases", "Relational Databases"),
    ("Storage", "Storage", "Storage Platforms"),
    ("Stream Analytics", "Analytics", "Streaming Analytics"),
    ("Virtual Machines", "Compute", "Virtual Machines"),
    ("Virtual Machines Licenses", "Compute", "Virtual Machines"),
    ("Virtual Network", "Networking", "Network Infrastructure"),
    ("VPN Gateway", "Networking", "Network Connectivity"),
];

/// A type of resources, and the name of one.
const TYPES: [(&str, &str); 30] = [
    ("microsoft.apimanagement/service", "API Management service"),
    ("microsoft.app/containerapps", "Container App"),
    ("microsoft.automation/automationaccounts", "Automation Account"),
    ("microsoft.billingbenefits/savingsplanorders", "Savings plan order"),
    ("microsoft.cache/redis", "Azure Cache for Redis"),
    ("microsoft.capacity/reservationorders", "Reservation order"),
    ("microsoft.cognitiveservices/accounts", "Azure AI services"),
    ("microsoft.compute/disks", "Disk"),
    ("microsoft.compute/snapshots", "Snapshot"),
    ("microsoft.compute/virtualmachines", "Virtual machine"),
    ("microsoft.compute/virtualmachinescalesets", "Virtual machine scale set"),
    ("microsoft.containerregistry/registries", "Container registry"),
    ("microsoft.containerservice/managedclusters", "Kubernetes service"),
    ("microsoft.databricks/workspaces", "Azure Databricks Service"),
    ("microsoft.datafactory/factories", "Data factory (V2)"),
    ("microsoft.documentdb/databaseaccounts", "Azure Cosmos DB account"),
    ("microsoft.eventhub/namespaces", "Event Hubs Namespace"),
    ("microsoft.keyvault/vaults", "Key vault"),
    ("microsoft.network/applicationgateways", "Application gateway"),
    ("microsoft.network/loadbalancers", "Load balancer"),
    ("microsoft.network/publicipaddresses", "Public IP address"),
    ("microsoft.operationalinsights/workspaces", "Log Analytics workspace"),
    ("microsoft.recoveryservices/vaults", "Recovery Services vault"),
    ("microsoft.saas/resources", "SaaS"),
    ("microsoft.servicebus/namespaces", "Service Bus Namespace"),
    ("microsoft.sql/servers/databases", "SQL database"),
    ("microsoft.storage/storageaccounts", "Storage account"),
    ("microsoft.synapse/workspaces", "Azure Synapse Analytics workspace"),
    ("microsoft.web/serverfarms", "App Service plan"),
    ("microsoft.web/sites", "App Service web app"),
];

pub(super) fn tables() -> Tables {
    let mut tables = Tables::default();
    let mut key = String::new();
    for (id, name, meters) in REGIONS {
        for spelling in [id, name, meters].into_iter().filter(|spelling| !spelling.is_empty()) {
            region_key(spelling, &mut key);
            tables.regions.insert(key.clone(), Region { id: id.to_owned(), name: name.to_owned() });
        }
    }
    for (meters, category, subcategory) in SERVICES {
        service_key("", "", meters, &mut key);
        let (category, subcategory) = (category.to_owned(), subcategory.to_owned());
        tables.services.insert(key.clone(), Service { name: None, category, subcategory });
    }
    tables.types.extend(TYPES.map(|(kind, name)| (kind.to_owned(), name.to_owned())));
    tables
}
