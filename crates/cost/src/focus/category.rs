//! FOCUS 1.2's service categories and what each is divided into: closed lists of the specification.

/// A category of services.
#[derive(Debug)]
pub(super) struct Category {
    pub(super) name: &'static str,
    /// The last is what fits into none of the others.
    pub(super) subcategories: &'static [&'static str],
}

/// What fits into no category.
pub(super) const OTHER: &str = "Other";

pub(super) const CATEGORIES: [Category; 19] = [
    category(
        "AI and Machine Learning",
        &[
            "AI Platforms",
            "Bots",
            "Generative AI",
            "Machine Learning",
            "Natural Language Processing",
            "Other (AI and Machine Learning)",
        ],
    ),
    category(
        "Analytics",
        &[
            "Analytics Platforms",
            "Business Intelligence",
            "Data Processing",
            "Search",
            "Streaming Analytics",
            "Other (Analytics)",
        ],
    ),
    category("Business Applications", &["Productivity and Collaboration", "Other (Business Applications)"]),
    category(
        "Compute",
        &[
            "Containers",
            "End User Computing",
            "Quantum Compute",
            "Serverless Compute",
            "Virtual Machines",
            "Other (Compute)",
        ],
    ),
    category(
        "Databases",
        &[
            "Caching",
            "Data Warehouses",
            "Ledger Databases",
            "NoSQL Databases",
            "Relational Databases",
            "Time Series Databases",
            "Other (Databases)",
        ],
    ),
    category(
        "Developer Tools",
        &[
            "Developer Platforms",
            "Continuous Integration and Deployment",
            "Development Environments",
            "Source Code Management",
            "Quality Assurance",
            "Other (Developer Tools)",
        ],
    ),
    category("Identity", &["Identity and Access Management", "Other (Identity)"]),
    category(
        "Integration",
        &["API Management", "Messaging", "Workflow Orchestration", "Other (Integration)"],
    ),
    category("Internet of Things", &["IoT Analytics", "IoT Platforms", "Other (Internet of Things)"]),
    category(
        "Management and Governance",
        &[
            "Architecture",
            "Compliance",
            "Cost Management",
            "Data Governance",
            "Disaster Recovery",
            "Endpoint Management",
            "Observability",
            "Support",
            "Other (Management and Governance)",
        ],
    ),
    category("Media", &["Content Creation", "Gaming", "Media Streaming", "Mixed Reality", "Other (Media)"]),
    category("Migration", &["Data Migration", "Resource Migration", "Other (Migration)"]),
    category("Mobile", &["Other (Mobile)"]),
    category("Multicloud", &["Multicloud Integration", "Other (Multicloud)"]),
    category(
        "Networking",
        &[
            "Application Networking",
            "Content Delivery",
            "Network Connectivity",
            "Network Infrastructure",
            "Network Routing",
            "Network Security",
            "Other (Networking)",
        ],
    ),
    category(
        "Security",
        &[
            "Secret Management",
            "Security Posture Management",
            "Threat Detection and Response",
            "Other (Security)",
        ],
    ),
    category(
        "Storage",
        &[
            "Backup Storage",
            "Block Storage",
            "File Storage",
            "Object Storage",
            "Storage Platforms",
            "Other (Storage)",
        ],
    ),
    category("Web", &["Application Platforms", "Other (Web)"]),
    category(OTHER, &["Other (Other)"]),
];

const fn category(name: &'static str, subcategories: &'static [&'static str]) -> Category {
    Category { name, subcategories }
}

pub(super) fn of(name: &str) -> Option<&'static Category> {
    CATEGORIES.iter().find(|category| category.name == name)
}

/// The subcategory itself where FOCUS has it, else that of all others.
pub(super) fn sub(category: &Category, name: &str) -> &'static str {
    let known = category.subcategories.iter().find(|known| **known == name);
    known.or(category.subcategories.last()).copied().unwrap_or("Other (Other)")
}
