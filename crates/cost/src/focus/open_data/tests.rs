use std::path::{Path, PathBuf};

use super::{OpenData, region_key, service_key};

const REGIONS: &str =
    "OriginalValue,RegionId,RegionName\nap east,eastasia,East Asia\neuwest,westeurope,Europe's West\n";
const SERVICES: &str = "ConsumedService,ResourceType,ServiceName,ServiceCategory,ServiceSubcategory,Proposed\n\
    microsoft.web,microsoft.web/sites,Azure App Service,Web,Application Platforms,\n\
    microsoft.insights,microsoft.web/sites,Azure Monitor,Management and Governance,Observability,\n\
    microsoft.batch,microsoft.batch/batchaccounts,Batch,Compute,Unheard Of,\n";
const TYPES: &str = "\"ResourceType\",\"SingularDisplayName\",\"PluralDisplayName\"\n\
    \"Microsoft.Web/sites\",\"Web app\",\"Web apps\"\n\"microsoft.web/nameless\",\"\",\"\"\n";
const UNITS: &str =
    "UnitOfMeasure,AccountTypes,UsageToPricingRate,DistinctUnits\n\"744 Connections\",EA,744,Connections\n";

/// A folder of the four files, deleted at the end.
struct Folder(PathBuf);

impl Folder {
    fn of(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("focus-data-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        for (file, text) in [
            ("Regions.csv", REGIONS),
            ("Services.csv", SERVICES),
            ("ResourceTypes.csv", TYPES),
            ("PricingUnits.csv", UNITS),
        ] {
            std::fs::write(folder.join(file), text).unwrap();
        }
        Self(folder)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn the_toolkits_files_stand_over_our_table() {
    let folder = Folder::of("whole");
    let data = OpenData::load(&folder.0).unwrap();
    let mut key = String::new();
    for (location, name) in [("AP East", "East Asia"), ("westeurope", "Europe's West"), ("eastus", "East US")]
    {
        region_key(location, &mut key);
        assert_eq!(data.region(&key).unwrap().name, name, "{location}");
    }
    let mut service = |consumed: &str, kind: &str| {
        service_key(consumed, kind, "", &mut key);
        data.service(&key).map(|service| {
            (service.name.clone().unwrap(), service.category.clone(), service.subcategory.clone())
        })
    };
    let named =
        |name: &str, category: &str, sub: &str| Some((name.to_owned(), category.to_owned(), sub.to_owned()));
    let app = named("Azure App Service", "Web", "Application Platforms");
    assert_eq!(service("Microsoft.Web", "microsoft.web/sites"), app);
    // Without the provider the first counts.
    assert_eq!(service("", "microsoft.web/sites"), app);
    assert_eq!(
        service("microsoft.batch", "microsoft.batch/batchaccounts"),
        named("Batch", "Compute", "Other (Compute)")
    );
    assert_eq!(data.resource_type("microsoft.web/sites"), Some("Web app"));
    assert_eq!(data.resource_type("microsoft.web/nameless"), None);
    assert_eq!(data.resource_type("microsoft.compute/disks"), Some("Disk"));
    let unit = data.unit("744 Connections").unwrap();
    assert_eq!((unit.block, unit.name.as_str()), (744, "Connections"));
}

#[test]
fn a_file_that_cannot_be_used_is_named_with_its_line_and_the_fix() {
    let cases: [(&str, Option<&[u8]>, &str); 9] = [
        ("Regions.csv", None, "Regions.csv: No such file or directory (os error 2)."),
        ("Regions.csv", Some(b"OriginalValue,RegionName\n"), "Regions.csv, line 1: it has no column RegionId."),
        ("Regions.csv", Some(b"OriginalValue,RegionId,RegionName\n"), "Regions.csv: it has no line but its header."),
        ("Regions.csv", Some(b"OriginalValue,RegionId,RegionName\na,b,c\na,,c\n"), "Regions.csv, line 3: a cell of it is empty."),
        ("Regions.csv", Some(b"OriginalValue,RegionId,RegionName\na,b\n"), "Regions.csv, line 2: CSV error"),
        ("Regions.csv", Some(b"\xff\xfe\n"), "Regions.csv: stream did not contain valid UTF-8."),
        (
            "Services.csv",
            Some(b"ConsumedService,ResourceType,ServiceName,ServiceCategory,ServiceSubcategory\na,b,c,Cloud,d\n"),
            "Services.csv, line 2: \"Cloud\" is no service category of FOCUS 1.2.",
        ),
        ("ResourceTypes.csv", Some(b"<!DOCTYPE html>\n<html></html>\n"), "line 1: it has no column ResourceType."),
        (
            "PricingUnits.csv",
            Some(b"UnitOfMeasure,UsageToPricingRate,DistinctUnits\n1 Hour,0,Hours\n"),
            "line 2: UsageToPricingRate is \"0\", no whole number above 0.",
        ),
    ];
    for (at, (file, bytes, expected)) in cases.into_iter().enumerate() {
        let folder = Folder::of(&format!("bad-{at}"));
        let path = folder.file(file);
        match bytes {
            Some(bytes) => std::fs::write(&path, bytes).unwrap(),
            None => std::fs::remove_file(&path).unwrap(),
        }
        let said = OpenData::load(&folder.0).unwrap_err().to_string();
        assert!(said.contains(expected), "{said}");
        assert!(said.starts_with(path.to_str().unwrap()) && said.contains("docs/focus.md"), "{said}");
    }
    assert!(OpenData::load(Path::new("/nowhere")).is_err());
}

#[test]
fn a_region_is_found_however_a_report_writes_it() {
    let own = OpenData::default();
    let mut key = String::new();
    for location in ["westeurope", "West Europe", "WestEurope", "EU West"] {
        region_key(location, &mut key);
        assert_eq!(own.region(&key).unwrap().name, "West Europe", "{location}");
    }
    region_key("Atlantis", &mut key);
    assert_eq!(own.region(&key), None);
}
