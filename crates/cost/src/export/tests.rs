use std::io::{Read as _, Write as _};
use std::sync::Arc;

use bytes::Bytes;
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use jiff::civil::date;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::format::Format;
use super::plan::ExportPlan;
use super::progress::ExportProgress;
use super::{join, pipe};
use crate::error::Error;
use crate::focus::{Converter, OpenData};
use crate::period::Period;
use crate::query::Metric;
use crate::turns::Turns;

fn plan(format: Format) -> ExportPlan {
    let scope = "/subscriptions/10000000-0000-4000-8000-000000000001".parse().unwrap();
    let period = Period::new(date(2026, 11, 1), date(2026, 11, 21), date(2026, 11, 22)).unwrap();
    ExportPlan::new(scope, format, period, Metric::Actual).unwrap()
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

/// Sends files through the pipe, each in its pieces.
fn sent(plan: &ExportPlan, files: &[Vec<&[u8]>]) -> Result<(u64, Vec<u8>), Error> {
    let files: Vec<_> = files.iter().map(|file| (Metric::Actual, file.clone())).collect();
    sent_of(plan, &files)
}

/// The same with the metric of the report that each is of.
fn sent_of(plan: &ExportPlan, files: &[(Metric, Vec<&[u8]>)]) -> Result<(u64, Vec<u8>), Error> {
    let (pipe, inlet) = pipe::pipe(Turns::default());
    let (plan, progress) = (plan.clone(), Arc::new(ExportProgress::default()));
    let thread = std::thread::spawn(move || {
        let open_data = OpenData::default();
        join::write((&plan, &open_data), inlet, Vec::new(), &progress)
    });
    let send = async {
        for (metric, file) in files {
            pipe.file(*metric).await?;
            for piece in file {
                pipe.bytes(Bytes::copy_from_slice(piece)).await?;
            }
        }
        pipe.end().await
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    // Where the thread gave up, its own result says why.
    let _ = runtime.block_on(send);
    thread.join().unwrap()
}

fn joined(plan: &ExportPlan, files: &[&[u8]]) -> Result<(u64, Vec<u8>), Error> {
    sent(plan, &files.iter().map(|file| vec![*file]).collect::<Vec<_>>())
}

fn text(plan: &ExportPlan, files: &[&str]) -> Result<(u64, String), Error> {
    let files: Vec<_> = files.iter().map(|file| file.as_bytes()).collect();
    joined(plan, &files).map(|(rows, file)| (rows, String::from_utf8(file).unwrap()))
}

fn csv(files: &[&str]) -> Result<(u64, String), Error> {
    text(&plan(Format::Csv), files)
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn unzip(file: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    MultiGzDecoder::new(file).read_to_end(&mut text).unwrap();
    text
}

#[test]
fn the_first_header_stays_and_lines_are_as_they_were() {
    let files =
        ["\u{feff}a,b\r\n1,\"x\r\ny\"\r\n2,é", "\u{feff}A,b\r\n3,4\r\n", "a,\"b\"\r\n", "", "a,b\r\n5,6"];
    let expected = "\u{feff}a,b\r\n1,\"x\r\ny\"\r\n2,é\r\n3,4\r\n5,6";
    assert_eq!(csv(&files).unwrap(), (4, expected.to_owned()));
    let files: Vec<_> = files.iter().map(|file| file.as_bytes()).collect();
    let (rows, file) = joined(&plan(Format::CsvGz), &files).unwrap();
    assert_eq!((rows, String::from_utf8(unzip(&file)).unwrap()), (4, expected.to_owned()));
}

#[test]
fn a_mark_before_the_first_charge_is_no_part_of_it() {
    assert_eq!(csv(&["\u{feff}a,b\r\n\u{feff}1,2\r\n"]).unwrap(), (1, "\u{feff}a,b\r\n1,2\r\n".to_owned()));
    assert_eq!(
        csv(&["a,b\n\u{feff}1,2\n", "\u{feff}a,b\n\u{feff}3,4"]).unwrap(),
        (2, "a,b\n1,2\n3,4".to_owned())
    );
    assert_eq!(csv(&["a,b\n\u{feff}\"1\",2\n"]).unwrap(), (1, "a,b\n\"1\",2\n".to_owned()));
}

#[test]
fn nothing_is_an_empty_file() {
    assert_eq!(csv(&[]).unwrap(), (0, String::new()));
    assert_eq!(csv(&["", "\u{feff}"]).unwrap(), (0, String::new()));
    assert_eq!(csv(&["a,b\n"]).unwrap(), (0, "a,b\n".to_owned()));
    assert_eq!(csv(&["a,b", "a,b\n1,2\n"]).unwrap(), (1, "a,b\n1,2\n".to_owned()), "as Azure ends lines");
    assert_eq!(text(&plan(Format::Jsonl), &["a,b\n"]).unwrap(), (0, String::new()));
    let of = |plan: &ExportPlan| {
        let (rows, file) = joined(plan, &[]).unwrap();
        let reader = SerializedFileReader::new(Bytes::from(file)).unwrap();
        (rows, reader.metadata().file_metadata().schema_descr().num_columns())
    };
    assert_eq!(of(&plan(Format::Parquet)), (0, 65));
    assert_eq!(of(&plan(Format::Parquet).with_columns(names(&["Date", "Cost"])).unwrap()), (0, 2));
}

#[test]
fn columns_that_differ_are_not_mixed() {
    for files in [["a,b\n1,2\n", "b,a\n1,2\n"], ["a,b\n1,2\n", "a,b,c\n1,2,3\n"], ["a,b\n1,2,3\n", "a,b\n"]] {
        for format in [Format::Csv, Format::Jsonl] {
            assert_eq!(text(&plan(format), &files).unwrap_err().code(), "report_damaged", "{files:?}");
        }
    }
}

#[test]
fn a_file_that_ends_inside_quotes_is_refused() {
    let swallowed = csv(&["a,b\n1,\"x\n", "a,b\n3,4\n"]).unwrap_err();
    assert!(swallowed.detail().contains("ends inside quotes"), "{}", swallowed.detail());
    for damaged in
        ["a,b\n1,\"", "a,b\n1,\"\"\"", "a,b\n1,\"x\"\"", "a,b\r\n1,2\r\n\"3,4\r\n5,6\r\n", "a,\"b", "\""]
    {
        assert_eq!(csv(&[damaged]).unwrap_err().code(), "report_damaged", "{damaged:?}");
    }
    for sound in
        ["a,b\n1,\"x\n\"", "a,b\n1,\"\"", "a,b\n1,\"\"\"\"\n", "a,b\n1,5\" disk", "a,b\n1,\"x\"\r\n\r\n"]
    {
        assert_eq!(csv(&[sound]).unwrap(), (1, sound.to_owned()));
    }
}

#[test]
fn quotes_that_never_close_do_not_fill_memory() {
    let endless = format!("a,b\n1,\"{}", "x".repeat(3 * 1024 * 1024));
    let error = csv(&[&endless]).unwrap_err();
    assert!(error.detail().contains("longer than any"), "{}", error.detail());
}

#[test]
fn compressed_files_are_found_by_their_bytes() {
    let (one, other) = (gzip(b"a,b\r\n1,2\r\n"), b"a,b\r\n3,4\r\n".as_slice());
    let (rows, file) = joined(&plan(Format::Csv), &[&one, other]).unwrap();
    assert_eq!((rows, file.as_slice()), (2, b"a,b\r\n1,2\r\n3,4\r\n".as_slice()));
    let cut = one.get(..one.len() - 9).unwrap();
    assert_eq!(joined(&plan(Format::Csv), &[cut]).unwrap_err().code(), "report_damaged");
}

#[test]
fn columns_are_picked_in_the_order_asked_for() {
    let asked = plan(Format::Csv).with_columns(names(&["TAGS", "date"])).unwrap();
    let file = "\u{feff}Date,Cost,Tags\r\n11/01/2026,1E-05,\"\"\"a\"\": \"\"b\"\"\"\r\n11/02/2026,2,\r\n";
    let expected = "\u{feff}Tags,Date\r\n\"\"\"a\"\": \"\"b\"\"\",11/01/2026\r\n,11/02/2026\r\n";
    assert_eq!(text(&asked, &[file]).unwrap(), (2, expected.to_owned()));
    let unknown = plan(Format::Csv).with_columns(names(&["Tag"])).unwrap();
    let error = text(&unknown, &[file]).unwrap_err();
    assert_eq!(error.code(), "invalid_query");
    assert_eq!(error.detail(), "The report has no column `Tag`; near it are: Tags, Date, Cost.");
}

#[test]
fn formulas_are_text_to_a_spreadsheet_where_that_is_asked_for() {
    let file = "Name,Cost\r\n=1+1,-1.5\r\n@x,-1E-05\r\n\"\t=1\",+3\r\n-A1,=2\r\n";
    let expected = "Name,Cost\r\n'=1+1,-1.5\r\n'@x,-1E-05\r\n'\t=1,+3\r\n'-A1,'=2\r\n";
    assert_eq!(
        text(&plan(Format::Csv).spreadsheet_safe().unwrap(), &[file]).unwrap(),
        (4, expected.to_owned())
    );
    assert_eq!(csv(&[file]).unwrap(), (4, file.to_owned()));
}

#[test]
fn jsonl_has_every_digit() {
    let file = "Date,Quantity,CostInBillingCurrency,Tags,AdditionalInfo\r\n\
                11/30/2026,0.10,1.234567890123456789012E-05,\"\"\"a\"\": \"\"b\"\"\",\r\n";
    let expected = concat!(
        r#"{"Date":"2026-11-30","Quantity":0.10,"CostInBillingCurrency":0.00001234567890123456789012,"#,
        r#""Tags":"\"a\": \"b\"","AdditionalInfo":null}"#,
        "\n"
    );
    assert_eq!(text(&plan(Format::Jsonl), &[file]).unwrap(), (1, expected.to_owned()));
    let line: Value = serde_json::from_str(expected).unwrap();
    assert_eq!(line["Tags"], json!("\"a\": \"b\""));
}

#[test]
fn what_a_format_cannot_hold_exactly_is_an_error() {
    let file = "Date,cost\r\n11/01/2026,1\r\n11/01/2026,1E-25\r\n";
    let error = text(&plan(Format::Parquet), &[file]).unwrap_err();
    assert!(matches!(&error, Error::InexactValue { column, row: 2 } if column == "cost"), "{error:?}");
    assert!(error.detail().starts_with("The value of cost in row 2 of"), "{}", error.detail());
    assert!(text(&plan(Format::Jsonl), &[file]).is_ok());
    for damaged in ["Date,cost\r\n11/01/2026,many\r\n", "Date,cost\r\n31/12/2026,1\r\n"] {
        assert_eq!(text(&plan(Format::Jsonl), &[damaged]).unwrap_err().code(), "export_value");
        assert!(csv(&[damaged]).is_ok());
    }
}

#[test]
fn a_sink_that_is_full_ends_the_export_with_its_own_words() {
    struct Full;
    impl std::io::Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("no room"))
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    for format in [Format::Csv, Format::CsvGz, Format::Jsonl, Format::Parquet] {
        let (pipe, inlet) = pipe::pipe(Turns::default());
        let (plan, progress) = (plan(format), Arc::new(ExportProgress::default()));
        let thread = std::thread::spawn(move || {
            let open_data = OpenData::default();
            join::write((&plan, &open_data), inlet, Full, &progress).map(|_| ())
        });
        let send = async {
            pipe.file(Metric::Actual).await?;
            pipe.bytes(Bytes::from_static(b"a\n1\n")).await?;
            pipe.end().await
        };
        let _ = tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(send);
        match thread.join().unwrap() {
            Err(Error::Unwritable(cause)) => assert_eq!(cause.to_string(), "no room", "{format:?}"),
            other => panic!("{format:?}: {other:?}"),
        }
    }
}

/// A Customer Agreement's report of one charge that belongs to a reservation.
fn committed(charge: &str, cost: &str) -> String {
    let cells = [
        ("date", "10/31/2026"),
        ("billingPeriodStartDate", "10/01/2026"),
        ("billingPeriodEndDate", "10/31/2026"),
        ("chargeType", charge),
        ("pricingModel", "Reservation"),
        ("benefitId", "/providers/Microsoft.Capacity/reservationOrders/o/reservations/r"),
        ("frequency", "UsageBased"),
        ("billingCurrency", "EUR"),
        ("pricingCurrency", "EUR"),
        ("quantity", "1"),
        ("unitOfMeasure", "1 Hour"),
        ("costInBillingCurrency", cost),
        ("costInPricingCurrency", cost),
        ("paygCostInBillingCurrency", "15"),
        ("PayGPrice", "6"),
        ("unitPrice", "5"),
        ("billingAccountId", "1"),
        ("billingAccountName", "Contoso"),
        ("billingProfileId", "AAAA"),
        ("billingProfileName", "Contoso"),
        ("SubscriptionId", "00000000-0000-0000-0000-00000000000a"),
        ("ResourceId", "/subscriptions/0a/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/v"),
        ("meterCategory", "Virtual Machines"),
        ("consumedService", "Microsoft.Compute"),
        ("ProductName", "Virtual Machines"),
        ("publisherName", "Microsoft"),
        ("resourceLocation", "westeurope"),
    ];
    let line =
        |cell: fn(&(&'static str, &str)) -> String| cells.iter().map(cell).collect::<Vec<_>>().join(",");
    format!("\u{feff}{}\r\n{}\r\n", line(|cell| cell.0.to_owned()), line(|cell| cell.1.to_owned()))
}

#[test]
fn focus_has_its_own_columns_and_the_rows_of_both_reports() {
    let (usage, covered) = (committed("Usage", "1.5"), committed("Usage", "0"));
    let purchase = committed("Purchase", "36");
    let files = [
        (Metric::Amortized, vec![usage.as_bytes()]),
        (Metric::Actual, vec![covered.as_bytes()]),
        (Metric::Actual, vec![purchase.as_bytes()]),
    ];
    let (rows, file) = sent_of(&plan(Format::FocusCsv), &files).unwrap();
    let text = String::from_utf8(file).unwrap();
    let header: Vec<_> = Converter::columns().iter().map(|column| column.name.to_string()).collect();
    assert_eq!(text.lines().next(), Some(header.join(",").as_str()));
    assert_eq!(rows, 2, "the usage of one report, the purchase of the other: {text}");
    let picked =
        plan(Format::FocusCsv).with_columns(names(&["chargecategory", "BilledCost", "EffectiveCost"]));
    let (_, file) = sent_of(&picked.unwrap(), &files).unwrap();
    let expected = "ChargeCategory,BilledCost,EffectiveCost\r\nUsage,0,1.5\r\nPurchase,36,0\r\n";
    assert_eq!(String::from_utf8(file).unwrap(), expected);
    let (rows, file) = sent_of(&plan(Format::FocusParquet), &files).unwrap();
    let reader = SerializedFileReader::new(Bytes::from(file)).unwrap();
    let head = reader.metadata().file_metadata();
    assert_eq!((rows, head.num_rows()), (2, 2));
    assert_eq!(head.schema_descr().num_columns(), header.len());
    let (rows, file) = sent_of(&plan(Format::FocusCsv), &[]).unwrap();
    assert_eq!((rows, file), (0, format!("{}\r\n", header.join(",")).into_bytes()));
}

/// Cuts a text at these places.
fn pieces<'a>(mut text: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    for cut in cuts {
        let (piece, rest) = text.split_at((*cut).min(text.len()));
        pieces.push(piece);
        text = rest;
    }
    pieces.push(text);
    pieces
}

fn cell() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z]{0,5}", "\"([a-zé,\r\n]|\"\"){0,8}\""]
}

proptest! {
    #[test]
    fn any_cut_into_pieces_and_files_gives_the_same(
        cells in proptest::collection::vec((cell(), "-?[0-9]{1,5}(\\.[0-9]{1,9})?(E-0[1-9])?"), 0..12),
        blob in 0_usize..12, cuts in proptest::collection::vec(0_usize..9, 0..40),
        marked in any::<bool>(), packed in any::<bool>(), ended in any::<bool>(), end in "\r?\n",
    ) {
        let lines: Vec<_> = cells.iter().map(|(name, cost)| format!("{name},{cost}{end}")).collect();
        let (first, second) = lines.split_at(blob.min(lines.len()));
        let file = |lines: &[String]| {
            let mark = if marked { "\u{feff}" } else { "" };
            let text = format!("{mark}Name,Cost{end}{}", lines.concat());
            let text = if ended { &*text } else { text.trim_end_matches(&*end) };
            if packed { gzip(text.as_bytes()) } else { text.as_bytes().to_vec() }
        };
        for format in [Format::Csv, Format::Jsonl, Format::Parquet] {
            let plan = plan(format);
            let whole = joined(&plan, &[&file(&lines)]).unwrap();
            let (first, second) = (file(first), file(second));
            let cut = sent(&plan, &[pieces(&first, &cuts), pieces(&second, &cuts)]).unwrap();
            prop_assert_eq!(cut, whole);
        }
    }

    #[test]
    fn files_below_each_other_have_the_rows_of_both(first in "a,b\n[12,\"\n\r]{0,12}", second in "a,b\n[12,\"\n\r]{0,12}") {
        let rows = |files: &[&str]| csv(files).map(|(rows, _)| rows);
        if let (Ok(one), Ok(other), Ok((both, text))) = (rows(&[&first]), rows(&[&second]), csv(&[&first, &second])) {
            prop_assert_eq!(both, one + other);
            // Read as a whole it has as many.
            prop_assert_eq!(rows(&[&text]).unwrap(), both);
        }
    }

    #[test]
    fn hostile_files_never_panic(first in proptest::collection::vec(any::<u8>(), 0..100), second in "\\PC{0,50}") {
        for format in [Format::Csv, Format::Jsonl, Format::Parquet] {
            let _ = joined(&plan(format), &[&first, second.as_bytes()]);
        }
    }
}
