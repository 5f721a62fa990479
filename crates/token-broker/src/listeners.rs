//! Sockets, bound before anything is served: so a port of 0 is known, and a port that is taken stops the start.

use std::fs::{self, DirBuilder, Metadata, Permissions};
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt as _, FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use tokio::net::{TcpListener, UnixListener};
use uuid::Uuid;

pub use listen::{InvalidListen, InvalidSocketMode, Listen, SocketMode};

mod listen;

/// The bound sockets of a broker.
#[derive(Debug)]
pub struct Listeners {
    pub(crate) grpc: GrpcListener,
    pub(crate) admin: TcpListener,
    pub(crate) health: Option<TcpListener>,
}

impl Listeners {
    /// Binds the sockets of gRPC and of health and metrics; `mode` is that of a unix socket.
    ///
    /// # Errors
    /// [`BindError`] names the setting and the address.
    pub async fn bind(listen: &Listen, mode: SocketMode, admin: SocketAddr) -> Result<Self, BindError> {
        let grpc = match listen {
            Listen::Tcp(address) => GrpcListener::Tcp(tcp("BROKER_LISTEN", *address).await?),
            Listen::Unix(path) => GrpcListener::Unix(UnixSocket::bind(path, mode)?),
        };
        let admin = tcp("BROKER_ADMIN_LISTEN", admin).await?;
        Ok(Self { grpc, admin, health: None })
    }

    /// Binds the address of the health words as well, if there is one.
    ///
    /// # Errors
    /// [`BindError`] names the setting and the address.
    pub async fn with_health(mut self, health: Option<SocketAddr>) -> Result<Self, BindError> {
        if let Some(address) = health {
            self.health = Some(tcp("BROKER_HEALTH_LISTEN", address).await?);
        }
        Ok(self)
    }

    /// Where gRPC is served, with the port that was given.
    ///
    /// # Errors
    /// When the operating system does not tell.
    pub fn grpc_address(&self) -> io::Result<Listen> {
        match &self.grpc {
            GrpcListener::Tcp(listener) => listener.local_addr().map(Listen::Tcp),
            GrpcListener::Unix(socket) => Ok(Listen::Unix(socket.file.path.clone())),
        }
    }

    /// Where health and metrics are served, with the port that was given.
    ///
    /// # Errors
    /// When the operating system does not tell.
    pub fn admin_address(&self) -> io::Result<SocketAddr> {
        self.admin.local_addr()
    }

    /// Where the health words are served, if they are, with the port that was given.
    ///
    /// # Errors
    /// When the operating system does not tell.
    pub fn health_address(&self) -> io::Result<Option<SocketAddr>> {
        self.health.as_ref().map(TcpListener::local_addr).transpose()
    }
}

#[derive(Debug)]
pub(crate) enum GrpcListener {
    Tcp(TcpListener),
    Unix(UnixSocket),
}

/// A unix socket that those may connect to whom its mode names.
#[derive(Debug)]
pub(crate) struct UnixSocket {
    pub(crate) listener: UnixListener,
    pub(crate) file: SocketFile,
}

impl UnixSocket {
    /// Binds inside a directory of our own and moves the socket to its place: between `bind` and `chmod` nobody
    /// else can reach it, and a stale socket is replaced in one step.
    fn bind(path: &Path, mode: SocketMode) -> Result<Self, BindError> {
        let failed = |source| BindError::Unix { path: path.to_owned(), source };
        refuse_what_is_not_stale(path)?;
        let parent = path.parent().unwrap_or(Path::new("/"));
        let private = parent.join(format!(".{}", &Uuid::new_v4().simple().to_string()[..8]));
        DirBuilder::new().mode(0o700).create(&private).map_err(failed)?;
        let bound = bind_and_move(&private.join("s"), path, mode);
        let _left_behind = fs::remove_dir_all(&private);
        let (listener, metadata) = bound.map_err(failed)?;
        let file = SocketFile { path: path.to_owned(), inode: metadata.ino(), owner: metadata.uid() };
        Ok(Self { listener, file })
    }
}

/// The file of a unix socket, which is removed when this is dropped.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    inode: u64,
    owner: u32,
}

impl SocketFile {
    /// The user it belongs to: the one this process runs as.
    pub(crate) fn owner(&self) -> u32 {
        self.owner
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // A successor may have put its own socket there.
        if fs::symlink_metadata(&self.path).is_ok_and(|metadata| metadata.ino() == self.inode) {
            let _gone_already = fs::remove_file(&self.path);
        }
    }
}

/// A socket that cannot be bound.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// A network address.
    #[error("{setting} `{address}` cannot be bound: is another process there?")]
    Tcp {
        /// The setting.
        setting: &'static str,
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// A unix socket.
    #[error("BROKER_LISTEN `unix:{}` cannot be bound: does its directory exist, and may this user write there?", path.display())]
    Unix {
        /// The path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Somebody listens there.
    #[error("BROKER_LISTEN `unix:{}` is in use: another broker is listening there", .0.display())]
    InUse(PathBuf),
    /// It is not ours to remove.
    #[error("BROKER_LISTEN `unix:{}` exists and is not a socket: it is not touched; name another path", .0.display())]
    NotASocket(PathBuf),
}

async fn tcp(setting: &'static str, address: SocketAddr) -> Result<TcpListener, BindError> {
    TcpListener::bind(address).await.map_err(|source| BindError::Tcp { setting, address, source })
}

fn refuse_what_is_not_stale(path: &Path) -> Result<(), BindError> {
    let Ok(metadata) = fs::symlink_metadata(path) else { return Ok(()) };
    if !metadata.file_type().is_socket() {
        return Err(BindError::NotASocket(path.to_owned()));
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(()),
        _ => Err(BindError::InUse(path.to_owned())),
    }
}

fn bind_and_move(private: &Path, path: &Path, mode: SocketMode) -> io::Result<(UnixListener, Metadata)> {
    let listener = UnixListener::bind(private)?;
    fs::set_permissions(private, Permissions::from_mode(mode.bits()))?;
    let metadata = fs::symlink_metadata(private)?;
    fs::rename(private, path)?;
    Ok((listener, metadata))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_socket_is_private_and_goes_with_its_owner() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("broker.sock");
        let socket = UnixSocket::bind(&path, SocketMode::PRIVATE).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(UnixStream::connect(&path).is_ok());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "the private directory is gone");
        drop(socket);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_socket_has_the_mode_it_was_given_and_knows_its_owner() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("broker.sock");
        let socket = UnixSocket::bind(&path, "0660".parse().unwrap()).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
        assert_eq!(socket.file.owner(), fs::metadata(dir.path()).unwrap().uid());
    }

    #[tokio::test]
    async fn a_stale_socket_is_replaced_and_one_in_use_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("broker.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let socket = UnixSocket::bind(&path, SocketMode::PRIVATE).unwrap();
        assert!(matches!(UnixSocket::bind(&path, SocketMode::PRIVATE), Err(BindError::InUse(_))));
        drop(socket);
    }

    #[tokio::test]
    async fn a_file_that_is_no_socket_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("precious");
        fs::write(&path, "data").unwrap();
        assert!(matches!(UnixSocket::bind(&path, SocketMode::PRIVATE), Err(BindError::NotASocket(_))));
        assert_eq!(fs::read_to_string(&path).unwrap(), "data");
    }

    #[tokio::test]
    async fn the_socket_of_a_successor_is_not_removed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("broker.sock");
        let old = UnixSocket::bind(&path, SocketMode::PRIVATE).unwrap();
        drop(old.listener);
        let new = UnixSocket::bind(&path, SocketMode::PRIVATE).unwrap();
        drop(old.file);
        assert!(path.exists());
        drop(new);
    }
}
