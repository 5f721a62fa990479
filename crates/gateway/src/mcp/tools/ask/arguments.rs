//! A tool's arguments as an assistant wrote them: each member under its own name, whatever the name's spelling.

use cost::{folded, nearest, quoted};
use serde_json::{Map, Number, Value};

use super::fields::Field;

/// The members that were given, none of them null.
pub(super) struct Arguments(Map<String, Value>);

impl Arguments {
    /// Sorts what was given under the names of `fields`.
    ///
    /// # Errors
    /// Names a member that there is not, with the nearest that there are; and one that is given twice.
    pub(super) fn read(given: &Map<String, Value>, fields: &[Field]) -> Result<Self, String> {
        let mut members = Map::new();
        for (name, value) in given.iter().filter(|(_, value)| !value.is_null()) {
            let Some(field) = find(name, fields) else { return Err(unknown(name, fields)) };
            if members.insert(field.name.to_owned(), within(value.clone())).is_some() {
                return Err(format!("'{}' is given twice, once as '{name:.60}'; give it once", field.name));
            }
        }
        Ok(Self(members))
    }

    /// One member, by its own name.
    pub(super) fn one(name: &str, value: Option<Value>) -> Self {
        Self(value.map(|value| (name.to_owned(), value)).into_iter().collect())
    }

    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        self.0.remove(name)
    }

    /// A list of texts; one text is a list of one.
    pub(super) fn texts(&mut self, name: &str) -> Result<Vec<String>, String> {
        let Some(value) = self.take(name) else { return Ok(Vec::new()) };
        let items = if let Value::Array(items) = value { items } else { vec![value] };
        let text = |item: Value| {
            text_of(&item).ok_or_else(|| format!("'{name}' is a list of texts; {} is none", shown(&item)))
        };
        items.into_iter().filter(|item| !item.is_null()).map(text).collect()
    }

    /// A list of words of a closed set, which hold no comma: `service, region` is a list of two.
    pub(super) fn word_list(&mut self, name: &str) -> Result<Vec<String>, String> {
        let texts = self.texts(name)?;
        let [only] = &texts[..] else { return Ok(texts) };
        if only.trim_start().to_lowercase().starts_with("tag") {
            return Ok(texts);
        }
        Ok(only.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect())
    }

    /// A text; a list of one text is that text.
    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>, String> {
        let mut texts = self.texts(name)?;
        match texts.len() {
            0 => Ok(None),
            1 => Ok(texts.pop().filter(|text| !text.trim().is_empty())),
            count => Err(format!("'{name}' is one text, not {count}")),
        }
    }

    /// Yes or no, in a word of either; left out it is no.
    pub(super) fn truth(&mut self, name: &str) -> Result<bool, String> {
        let Some(value) = self.take(name) else { return Ok(false) };
        let word = text_of(&value).unwrap_or_default();
        match word.trim().to_lowercase().as_str() {
            "true" | "yes" | "1" => Ok(true),
            "false" | "no" | "0" | "" if text_of(&value).is_some() => Ok(false),
            _ => Err(format!("'{name}' is true or false, not {}", shown(&value))),
        }
    }

    /// A whole number within bounds.
    pub(super) fn number(&mut self, name: &str, least: usize, most: usize) -> Result<Option<usize>, String> {
        let Some(value) = self.take(name) else { return Ok(None) };
        let number = match &value {
            Value::Number(number) => whole(number),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        match number {
            Some(number) if (least..=most).contains(&number) => Ok(Some(number)),
            _ => Err(format!("'{name}' is a whole number from {least} to {most}, not {}", shown(&value))),
        }
    }
}

fn find<'a>(name: &str, fields: &'a [Field]) -> Option<&'a Field> {
    let name = folded(name);
    fields
        .iter()
        .find(|field| folded(field.name) == name || field.also.iter().any(|also| folded(also) == name))
}

fn unknown(name: &str, fields: &[Field]) -> String {
    const MOST: usize = 3;
    let names = fields.iter().map(|field| field.name);
    let nearest = quoted(nearest(name, names.clone(), MOST));
    let all = quoted(names);
    format!("there is no '{name:.60}'; the nearest are {nearest}; there are {all}")
}

/// What a text holds where that is JSON: some assistants write lists and objects so.
fn within(value: Value) -> Value {
    match &value {
        Value::String(text) if text.trim_start().starts_with(['[', '{']) => {
            serde_json::from_str(text).unwrap_or(value)
        }
        _ => value,
    }
}

/// A text, or what reads as one.
pub(super) fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}

/// 5, and 5.0 too.
fn whole(number: &Number) -> Option<usize> {
    let text = number.to_string();
    text.strip_suffix(".0").unwrap_or(&text).parse().ok()
}

/// A value in a sentence, cut where it is long.
pub(super) fn shown(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    format!("'{text:.60}'")
}
