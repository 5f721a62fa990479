//! The files of the FinOps toolkit's open data, as its releases publish them (MIT licence):
//! <https://learn.microsoft.com/cloud-computing/finops/toolkit/open-data>.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use csv::{ReaderBuilder, StringRecord};

use super::{Region, Service, Tables, region_key, service_key};
use crate::caseless::small;
use crate::focus::category;
use crate::focus::unit::Unit;

/// No file is larger: that of the types of resources has 0.6 MB.
const MOST_BYTES: u64 = 16 << 20;

/// A file of the open data that is missing or of another form.
#[derive(Debug, thiserror::Error)]
#[error("{path}{}: {what}. {fix}", line.map(|line| format!(", line {line}")).unwrap_or_default(), path = path.display())]
pub struct BadOpenData {
    path: PathBuf,
    line: Option<u64>,
    what: String,
    fix: &'static str,
}

const DOWNLOAD: &str = "Download the four files of one release of the FinOps toolkit into this directory, as docs/focus.md \
                        says, or leave the setting away";

/// A file: the columns that it must have, and where a line of them goes. A line is refused with a reason.
type Add = fn(&mut Tables, &[&str]) -> Result<(), String>;
const FILES: [(&str, &[&str], Add); 4] = [
    ("Regions.csv", &["OriginalValue", "RegionId", "RegionName"], region),
    (
        "Services.csv",
        &["ConsumedService", "ResourceType", "ServiceName", "ServiceCategory", "ServiceSubcategory"],
        service,
    ),
    ("ResourceTypes.csv", &["ResourceType", "SingularDisplayName"], resource_type),
    ("PricingUnits.csv", &["UnitOfMeasure", "UsageToPricingRate", "DistinctUnits"], unit),
];

pub(super) fn load(directory: &Path, tables: &mut Tables) -> Result<(), BadOpenData> {
    FILES.iter().try_for_each(|(name, columns, add)| file(&directory.join(name), columns, *add, tables))
}

fn file(path: &Path, columns: &[&str], add: Add, tables: &mut Tables) -> Result<(), BadOpenData> {
    let bad = |line: Option<u64>, what: &dyn Display| BadOpenData {
        path: path.to_owned(),
        line,
        what: what.to_string(),
        fix: DOWNLOAD,
    };
    let bytes = std::fs::metadata(path).map_err(|error| bad(None, &error))?.len();
    if bytes > MOST_BYTES {
        return Err(bad(
            None,
            &format_args!("it has {bytes} bytes; the toolkit's has less than {MOST_BYTES}"),
        ));
    }
    let text = std::fs::read_to_string(path).map_err(|error| bad(None, &error))?;
    let mut reader = ReaderBuilder::new().from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    let header = reader.headers().map_err(|error| bad(Some(1), &error))?.clone();
    let places = columns.iter().map(|column| {
        let place = header.iter().position(|name| name.trim().eq_ignore_ascii_case(column));
        place.ok_or_else(|| bad(Some(1), &format_args!("it has no column {column}")))
    });
    let places = places.collect::<Result<Vec<_>, _>>()?;
    let mut record = StringRecord::new();
    let mut lines = 0;
    loop {
        let line = reader.position().line();
        match reader.read_record(&mut record) {
            Ok(true) => {}
            Ok(false) if lines == 0 => return Err(bad(None, &"it has no line but its header")),
            Ok(false) => return Ok(()),
            Err(error) => return Err(bad(Some(line), &error)),
        }
        lines += 1;
        let cells: Vec<_> = places.iter().map(|place| record.get(*place).unwrap_or_default()).collect();
        add(tables, &cells).map_err(|what| bad(record.position().map(csv::Position::line), &what))?;
    }
}

fn region(tables: &mut Tables, cells: &[&str]) -> Result<(), String> {
    let [original, id, name] = filled(cells)?;
    let mut key = String::new();
    for spelling in [original, id] {
        region_key(spelling, &mut key);
        tables.regions.insert(key.clone(), Region { id: id.to_owned(), name: name.to_owned() });
    }
    Ok(())
}

/// A service is found by both columns, and by each alone where the other does not say otherwise: the first of them counts.
fn service(tables: &mut Tables, cells: &[&str]) -> Result<(), String> {
    let [consumed, kind, name, category, subcategory] = *cells else {
        return Err("it has too few cells".to_owned());
    };
    if name.is_empty() {
        return Err("ServiceName is empty".to_owned());
    }
    let Some(category) = category::of(category) else {
        return Err(format!("\"{category}\" is no service category of FOCUS 1.2"));
    };
    let subcategory = category::sub(category, subcategory).to_owned();
    let service = Service { name: Some(name.to_owned()), category: category.name.to_owned(), subcategory };
    let mut key = String::new();
    service_key(consumed, kind, "", &mut key);
    tables.services.insert(key.clone(), service.clone());
    if !kind.is_empty() {
        service_key("", kind, "", &mut key);
        tables.services.entry(key).or_insert(service);
    }
    Ok(())
}

fn resource_type(tables: &mut Tables, cells: &[&str]) -> Result<(), String> {
    let [kind, name] = *cells else { return Err("it has too few cells".to_owned()) };
    if kind.is_empty() {
        return Err("ResourceType is empty".to_owned());
    }
    if !name.is_empty() {
        tables.types.insert(small(kind), name.to_owned());
    }
    Ok(())
}

fn unit(tables: &mut Tables, cells: &[&str]) -> Result<(), String> {
    let [text, block, name] = filled(cells)?;
    let block = block.trim().parse().ok().filter(|block| *block > 0);
    let Some(block) = block else {
        return Err(format!("UsageToPricingRate is \"{}\", no whole number above 0", cells[1]));
    };
    tables.units.insert(text.to_owned(), Unit { block, name: name.to_owned() });
    Ok(())
}

fn filled<'a, const N: usize>(cells: &[&'a str]) -> Result<[&'a str; N], String> {
    let cells: [&str; N] = cells.try_into().map_err(|_| "it has too few cells".to_owned())?;
    if cells.contains(&"") { Err("a cell of it is empty".to_owned()) } else { Ok(cells) }
}
