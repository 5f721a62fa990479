//! Settings of the caches: this process's memory, and the Redis that replicas share.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::shared::{RedisUrl, SharedCacheSettings};

/// Settings of the caches.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Cache")]
pub struct CacheArgs {
    /// MiB of memory that cached tokens take at most. A token of 2 KiB takes 2.7 KiB: 64 MiB hold about 24,000.
    #[arg(
        long = "cache-memory",
        env = "BROKER_CACHE_MEMORY_MIB",
        default_value_t = 64,
        value_parser = clap::value_parser!(u64).range(1..=1_048_576)
    )]
    pub memory_mib: u64,

    /// Redis that the replicas share: `rediss://[user@]host[:port][/database]`, `redis://` on loopback, or
    /// `unix:/path`. Without it each replica has a cache of its own.
    #[arg(long = "redis-url", env = "BROKER_REDIS_URL")]
    pub redis_url: Option<RedisUrl>,

    /// File with the password of Redis.
    #[arg(long = "redis-password-file", env = "BROKER_REDIS_PASSWORD_FILE")]
    pub redis_password_file: Option<PathBuf>,

    /// PEM of the authorities that the certificate of Redis must come from, and of no others; without it the system's. For
    /// `rediss://` only.
    #[arg(long = "redis-ca-file", env = "BROKER_REDIS_CA_FILE")]
    pub redis_ca_file: Option<PathBuf>,

    /// Milliseconds that a call waits for one answer of Redis, before it goes on without.
    #[arg(
        long = "redis-timeout",
        env = "BROKER_REDIS_TIMEOUT_MS",
        default_value_t = 250,
        value_parser = clap::value_parser!(u64).range(1..=10_000)
    )]
    pub redis_timeout_ms: u64,

    /// File with the keys that seal what is stored in Redis; required with Redis.
    #[arg(long = "cache-key-file", env = "BROKER_CACHE_KEY_FILE")]
    pub key_file: Option<PathBuf>,
}

/// The caches, as they are in force.
#[derive(Clone, Debug)]
pub struct CacheSettings {
    /// Bytes that cached tokens take at most.
    pub memory_bytes: u64,
    /// The cache that replicas share, if there is one.
    pub shared: Option<SharedCacheSettings>,
}

impl TryFrom<CacheArgs> for CacheSettings {
    type Error = CacheSettingsError;

    fn try_from(args: CacheArgs) -> Result<Self, CacheSettingsError> {
        Ok(Self { memory_bytes: args.memory_mib * 1024 * 1024, shared: shared(args)? })
    }
}

/// Settings of the caches that do not go together. Each text names the settings and the remedy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CacheSettingsError {
    /// A setting that means nothing without Redis.
    #[error("{setting} is set, but BROKER_REDIS_URL is not: set both, or neither")]
    WithoutRedis {
        /// The setting.
        setting: &'static str,
    },
    /// Authorities of a Redis that shows no certificate.
    #[error(
        "BROKER_REDIS_CA_FILE is set, but BROKER_REDIS_URL is not rediss://: take the file out, or use TLS"
    )]
    RedisCaUnused,
    /// Nothing to seal with.
    #[error(
        "BROKER_REDIS_URL is set, but BROKER_CACHE_KEY_FILE is not: what is stored in Redis is sealed with the keys \
         in that file"
    )]
    NoCacheKeys,
}

fn shared(args: CacheArgs) -> Result<Option<SharedCacheSettings>, CacheSettingsError> {
    let Some(url) = args.redis_url else {
        let unused = [
            ("BROKER_REDIS_PASSWORD_FILE", args.redis_password_file),
            ("BROKER_REDIS_CA_FILE", args.redis_ca_file),
            ("BROKER_CACHE_KEY_FILE", args.key_file),
        ];
        let set = unused.into_iter().find(|(_, file)| file.is_some());
        return set.map_or(Ok(None), |(setting, _)| Err(CacheSettingsError::WithoutRedis { setting }));
    };
    if args.redis_ca_file.is_some() && !url.is_tls() {
        return Err(CacheSettingsError::RedisCaUnused);
    }
    Ok(Some(SharedCacheSettings {
        url,
        password_file: args.redis_password_file,
        key_file: args.key_file.ok_or(CacheSettingsError::NoCacheKeys)?,
        timeout: Duration::from_millis(args.redis_timeout_ms),
        ca_file: args.redis_ca_file,
    }))
}
