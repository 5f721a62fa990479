//! The forms of a file.

/// The form of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Azure's own report, byte by byte.
    Csv,
    /// The same, compressed.
    CsvGz,
    /// A JSON object on each line.
    Jsonl,
    /// Apache Parquet.
    Parquet,
    /// FOCUS 1.2 as CSV.
    FocusCsv,
    /// FOCUS 1.2 as Apache Parquet.
    FocusParquet,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Csv, Self::CsvGz, Self::Jsonl, Self::Parquet, Self::FocusCsv, Self::FocusParquet];

    /// Its name in a question.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::CsvGz => "csv.gz",
            Self::Jsonl => "jsonl",
            Self::Parquet => "parquet",
            Self::FocusCsv => "focus.csv",
            Self::FocusParquet => "focus.parquet",
        }
    }

    /// How the name of such a file ends, without the full stop in front.
    pub const fn extension(self) -> &'static str {
        self.name()
    }

    /// Its media type.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Csv | Self::FocusCsv => "text/csv; charset=utf-8",
            Self::CsvGz => "application/gzip",
            Self::Jsonl => "application/jsonl",
            Self::Parquet | Self::FocusParquet => "application/vnd.apache.parquet",
        }
    }

    /// Whether its rows are FOCUS's and not Azure's.
    pub const fn is_focus(self) -> bool {
        matches!(self, Self::FocusCsv | Self::FocusParquet)
    }

    /// Whether a spreadsheet opens it as text, and takes some cells for formulas.
    pub const fn is_csv(self) -> bool {
        matches!(self, Self::Csv | Self::CsvGz | Self::FocusCsv)
    }
}
