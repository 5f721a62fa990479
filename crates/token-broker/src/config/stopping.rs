//! Settings of the orderly end.

use std::time::Duration;

use clap::Args;

/// Settings of the orderly end.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Stopping")]
pub struct StoppingArgs {
    /// Seconds that a broker told to stop goes on taking calls, while its health says that it does not serve: for load
    /// balancers that notice late.
    #[arg(
        long,
        env = "BROKER_SHUTDOWN_DELAY_SECONDS",
        default_value_t = 0,
        value_parser = clap::value_parser!(u64).range(0..=120)
    )]
    pub shutdown_delay_seconds: u64,

    /// Seconds that calls in flight may then take at most. A call takes 20 at most.
    #[arg(
        long,
        env = "BROKER_DRAIN_SECONDS",
        default_value_t = 25,
        value_parser = clap::value_parser!(u64).range(1..=120)
    )]
    pub drain_seconds: u64,
}

/// How a broker ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopping {
    /// How long calls are still taken, when health says already that they are not.
    pub delay: Duration,
    /// How long the calls in flight may take after that.
    pub drain: Duration,
}

impl From<StoppingArgs> for Stopping {
    fn from(args: StoppingArgs) -> Self {
        Self {
            delay: Duration::from_secs(args.shutdown_delay_seconds),
            drain: Duration::from_secs(args.drain_seconds),
        }
    }
}
