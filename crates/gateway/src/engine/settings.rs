//! The settings of the cost engine.

use std::str::FromStr;
use std::time::Duration;

use clap::Args;

/// The engine's settings as they are given.
#[derive(Clone, Debug, Args)]
pub struct CostArgs {
    /// Query units that Azure allows the directory: for ten seconds, a minute and an hour. What Azure's answers say corrects it.
    #[arg(long, env = "GATEWAY_COST_QUOTA", help_heading = "Costs", default_value = "12/10s,60/min,600/h")]
    pub cost_quota: UnitQuota,

    /// Requests that Azure allows each scope in a minute.
    #[arg(long, env = "GATEWAY_COST_SCOPE_PER_MINUTE", help_heading = "Costs", default_value_t = 4,
          value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub cost_scope_per_minute: u32,

    /// Requests that Azure allows each person in a minute.
    #[arg(long, env = "GATEWAY_COST_USER_PER_MINUTE", help_heading = "Costs", default_value_t = 20,
          value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub cost_user_per_minute: u32,

    /// Longest time that an answer is given again to the person who had it, in seconds; six times that for months whose costs no
    /// longer change. 0 keeps none.
    #[arg(long, env = "GATEWAY_COST_CACHE_SECONDS", help_heading = "Costs", default_value_t = 14_400,
          value_parser = clap::value_parser!(u64).range(0..=86_400))]
    pub cost_cache_seconds: u64,

    /// Longest time until Azure is asked again whether that person may still see it, in seconds.
    #[arg(long, env = "GATEWAY_COST_RIGHTS_SECONDS", help_heading = "Costs", default_value_t = 300,
          value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub cost_rights_seconds: u64,

    /// Memory for answers that may be given again, in MiB.
    #[arg(long, env = "GATEWAY_COST_CACHE_MIB", help_heading = "Costs", default_value_t = 64,
          value_parser = clap::value_parser!(u64).range(1..=16_384))]
    pub cost_cache_mib: u64,

    /// Longest time until a call is told that its answer is still to come, in seconds.
    #[arg(long, env = "GATEWAY_COST_SOFT_DEADLINE_SECONDS", help_heading = "Costs", default_value_t = 40,
          value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub cost_soft_deadline_seconds: u64,
}

/// The settings in force.
#[derive(Clone, Copy, Debug)]
pub struct CostSettings {
    /// Whose turn it is when.
    pub quota: Quotas,
    /// The answers that are kept.
    pub cache: CacheSettings,
    /// When a call is told that its answer is still to come.
    pub soft_deadline: Duration,
}

/// What Azure allows.
#[derive(Clone, Copy, Debug)]
pub struct Quotas {
    /// The directory's query units.
    pub units: UnitQuota,
    /// Requests of a scope in a minute.
    pub scope_per_minute: u32,
    /// Requests of a person in a minute.
    pub user_per_minute: u32,
}

/// How long answers are kept, and how many.
#[derive(Clone, Copy, Debug)]
pub struct CacheSettings {
    /// Age of data; zero keeps nothing.
    pub data: Duration,
    /// Age of the proof that the person may see it.
    pub rights: Duration,
    /// Bytes of all answers, about.
    pub bytes: u64,
}

impl From<CostArgs> for CostSettings {
    fn from(args: CostArgs) -> Self {
        Self {
            quota: Quotas {
                units: args.cost_quota,
                scope_per_minute: args.cost_scope_per_minute,
                user_per_minute: args.cost_user_per_minute,
            },
            cache: CacheSettings {
                data: Duration::from_secs(args.cost_cache_seconds),
                rights: Duration::from_secs(args.cost_rights_seconds),
                bytes: args.cost_cache_mib * 1024 * 1024,
            },
            soft_deadline: Duration::from_secs(args.cost_soft_deadline_seconds),
        }
    }
}

/// Query units by window: `12/10s,60/min,600/h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnitQuota {
    /// In ten seconds.
    pub per_ten_seconds: u32,
    /// In a minute.
    pub per_minute: u32,
    /// In an hour.
    pub per_hour: u32,
}

impl FromStr for UnitQuota {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (mut ten, mut minute, mut hour) = (None, None, None);
        for (place, entry) in text.split(',').enumerate() {
            let wrong = |what: &str| format!("entry {} (`{}`): {what}", place + 1, entry.trim());
            let (units, window) = entry
                .split_once('/')
                .ok_or_else(|| wrong("write a number, a slash and a window, such as 12/10s"))?;
            let window = match window.trim() {
                "10s" => &mut ten,
                "min" => &mut minute,
                "h" => &mut hour,
                _ => return Err(wrong("the windows are 10s, min and h")),
            };
            let units: Option<u32> = units.trim().parse().ok().filter(|units| *units > 0);
            let units = units.ok_or_else(|| wrong("the number is a whole one, at least 1"))?;
            if window.replace(units).is_some() {
                return Err(wrong("this window is there twice"));
            }
        }
        let missing = |window: &str| {
            format!("the window {window} is missing; all three are needed: 12/10s,60/min,600/h")
        };
        Ok(Self {
            per_ten_seconds: ten.ok_or_else(|| missing("10s"))?,
            per_minute: minute.ok_or_else(|| missing("min"))?,
            per_hour: hour.ok_or_else(|| missing("h"))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_is_read_and_what_is_wrong_with_it_is_named_with_its_place() {
        let documented = UnitQuota { per_ten_seconds: 12, per_minute: 60, per_hour: 600 };
        assert_eq!("12/10s,60/min,600/h".parse(), Ok(documented));
        assert_eq!(" 600/h, 12/10s ,60/min".parse(), Ok(documented));
        for (text, expected) in [
            ("", "entry 1 (``): write a number"),
            ("12/10s,60/mim,600/h", "entry 2 (`60/mim`): the windows are 10s, min and h"),
            ("12/10s,60/min,0/h", "entry 3 (`0/h`): the number is a whole one"),
            ("12/10s,6.5/min,600/h", "entry 2 (`6.5/min`): the number"),
            ("12/10s,12/10s", "entry 2 (`12/10s`): this window is there twice"),
            ("12/10s,60/min", "the window h is missing"),
        ] {
            let error = text.parse::<UnitQuota>().unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
