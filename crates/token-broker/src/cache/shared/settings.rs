//! Where Redis is, and how long to wait for it.

use std::fmt;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _, RedisConnectionInfo};
use url::{Host, Url};

/// Settings of the cache that replicas share.
#[derive(Clone, Debug)]
pub struct SharedCacheSettings {
    /// Where Redis is.
    pub url: RedisUrl,
    /// The file with the password, if there is one. It is read at each connect.
    pub password_file: Option<PathBuf>,
    /// The file with the keys that seal what is stored.
    pub key_file: PathBuf,
    /// The longest a call waits for one answer of Redis.
    pub timeout: Duration,
    /// The authorities that its certificate must come from; without it the system's.
    pub ca_file: Option<PathBuf>,
}

/// Where Redis is: `rediss://[user@]host[:port][/database]`, `redis://` on loopback, or `unix:/path`.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisUrl {
    address: Address,
    username: Option<String>,
    database: i64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Address {
    Tls(String, u16),
    Loopback(String, u16),
    Unix(PathBuf),
}

const DEFAULT_PORT: u16 = 6379;

impl RedisUrl {
    /// Whether the connection is TLS.
    pub(crate) fn is_tls(&self) -> bool {
        matches!(self.address, Address::Tls(..))
    }

    /// What the client connects with.
    pub(super) fn connection_info(&self, password: Option<&str>) -> redis::RedisResult<ConnectionInfo> {
        let address = match &self.address {
            Address::Tls(host, port) => {
                ConnectionAddr::TcpTls { host: host.clone(), port: *port, insecure: false, tls_params: None }
            }
            Address::Loopback(host, port) => ConnectionAddr::Tcp(host.clone(), *port),
            Address::Unix(path) => ConnectionAddr::Unix(path.clone()),
        };
        let mut settings = RedisConnectionInfo::default().set_db(self.database);
        if let Some(username) = &self.username {
            settings = settings.set_username(username);
        }
        if let Some(password) = password {
            settings = settings.set_password(password);
        }
        Ok(address.into_connection_info()?.set_redis_settings(settings))
    }
}

impl FromStr for RedisUrl {
    type Err = RedisUrlError;

    fn from_str(text: &str) -> Result<Self, RedisUrlError> {
        if let Some(path) = text.strip_prefix("unix:") {
            if !path.starts_with('/') {
                return Err(RedisUrlError::RelativePath);
            }
            return Ok(Self { address: Address::Unix(path.into()), username: None, database: 0 });
        }
        // The text is not repeated in any of these errors: there may be a password in it.
        let url: Url = text.parse().map_err(|_| RedisUrlError::Malformed)?;
        if url.password().is_some() {
            return Err(RedisUrlError::Password);
        }
        let host = url.host().ok_or(RedisUrlError::Malformed)?.to_owned();
        let port = url.port().unwrap_or(DEFAULT_PORT);
        let address = match url.scheme() {
            "rediss" => Address::Tls(bare(&host), port),
            "redis" if is_loopback(&host) => Address::Loopback(bare(&host), port),
            "redis" => return Err(RedisUrlError::PlainText),
            _ => return Err(RedisUrlError::Scheme),
        };
        let database = match url.path().trim_matches('/') {
            "" => 0,
            number => number.parse().map_err(|_| RedisUrlError::Database)?,
        };
        if url.query().is_some() || url.fragment().is_some() {
            return Err(RedisUrlError::Malformed);
        }
        let username = Some(url.username().to_owned()).filter(|name| !name.is_empty());
        Ok(Self { address, username, database })
    }
}

impl fmt::Display for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.address {
            Address::Tls(host, port) => write!(f, "rediss://{host}:{port}/{}", self.database),
            Address::Loopback(host, port) => write!(f, "redis://{host}:{port}/{}", self.database),
            Address::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// As it is shown: without the user.
impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that does not say where Redis is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RedisUrlError {
    /// Not a URL of that form.
    #[error("it must be rediss://[user@]host[:port][/database], redis:// on loopback, or unix:/path")]
    Malformed,
    /// Another scheme.
    #[error("its scheme must be rediss, redis (on loopback only) or unix")]
    Scheme,
    /// A password, which every process list would show.
    #[error("it holds a password: put that into the file that BROKER_REDIS_PASSWORD_FILE names")]
    Password,
    /// Plain text beyond loopback.
    #[error("redis:// is plain text and for loopback only: use rediss://")]
    PlainText,
    /// A database that is not a number.
    #[error("what follows the host must be the number of a database")]
    Database,
    /// A path that depends on where the process was started.
    #[error("unix: must be followed by an absolute path")]
    RelativePath,
}

fn bare(host: &Host<String>) -> String {
    match host {
        Host::Domain(name) => name.clone(),
        Host::Ipv4(address) => address.to_string(),
        Host::Ipv6(address) => address.to_string(),
    }
}

fn is_loopback(host: &Host<String>) -> bool {
    match host {
        // Outside http, a URL's IPv4 address is read as a name.
        Host::Domain(name) => {
            name == "localhost" || name.parse().is_ok_and(|address: Ipv4Addr| address.is_loopback())
        }
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        for (text, shown) in [
            ("rediss://cache.contoso.com", "rediss://cache.contoso.com:6379/0"),
            ("rediss://broker@cache.contoso.com:6380/2", "rediss://cache.contoso.com:6380/2"),
            ("redis://127.0.0.1:7000", "redis://127.0.0.1:7000/0"),
            ("redis://localhost", "redis://localhost:6379/0"),
            ("redis://[::1]:7000", "redis://::1:7000/0"),
            ("unix:/run/redis.sock", "unix:/run/redis.sock"),
        ] {
            assert_eq!(text.parse::<RedisUrl>().unwrap().to_string(), shown);
        }
        let url: RedisUrl = "rediss://broker@cache.contoso.com/2".parse().unwrap();
        let info = url.connection_info(Some("p")).unwrap();
        let settings = info.redis_settings();
        assert_eq!((settings.username(), settings.password(), settings.db()), (Some("broker"), Some("p"), 2));
    }

    #[test]
    fn what_would_not_be_safe_is_refused_and_not_repeated() {
        for (text, expected) in [
            ("redis://cache.contoso.com", RedisUrlError::PlainText),
            ("redis://10.0.0.1", RedisUrlError::PlainText),
            ("redis://127.0.0.1.evil.example", RedisUrlError::PlainText),
            ("redis://localhost.evil.example", RedisUrlError::PlainText),
            ("rediss://user:s3cret@cache.contoso.com", RedisUrlError::Password),
            ("rediss://:s3cret@cache.contoso.com", RedisUrlError::Password),
            ("http://cache.contoso.com", RedisUrlError::Scheme),
            ("rediss://cache/one", RedisUrlError::Database),
            ("rediss://cache/?insecure", RedisUrlError::Malformed),
            ("rediss://cache/#insecure", RedisUrlError::Malformed),
            ("unix:run/redis.sock", RedisUrlError::RelativePath),
            ("cache", RedisUrlError::Malformed),
        ] {
            let error = text.parse::<RedisUrl>().unwrap_err();
            assert_eq!(error, expected, "{text}");
            assert!(!error.to_string().contains("s3cret"));
        }
    }
}
