//! How many files, and so connections, this process may have open.

use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors that connections of clients may not use up: those to the broker and to Azure, the admin address, files
/// that are followed.
const RESERVE: u64 = 128;

/// Raises the soft limit to the hard one, as servers do: the soft one is low for programs that use `select`, and this is
/// none. Returns how many connections of clients there is room for.
pub(crate) fn room_for_connections() -> usize {
    let limit = getrlimit(Resource::Nofile);
    if limit.current < limit.maximum || limit.maximum.is_none() {
        // Where it is not allowed, the soft limit stays, and is what is counted with.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    }
    getrlimit(Resource::Nofile).current.map_or(usize::MAX, room)
}

/// At least a quarter of what there is, for a very small limit.
fn room(descriptors: u64) -> usize {
    usize::try_from(descriptors.saturating_sub(RESERVE).max(descriptors / 4)).unwrap_or(usize::MAX)
}

/// Whether a connection was not accepted because the process or the system has no descriptor, or no memory, for it.
pub(super) fn ran_out(error: &io::Error) -> bool {
    let Some(code) = error.raw_os_error() else { return false };
    let code = rustix::io::Errno::from_raw_os_error(code);
    [rustix::io::Errno::MFILE, rustix::io::Errno::NFILE, rustix::io::Errno::NOBUFS, rustix::io::Errno::NOMEM]
        .contains(&code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_descriptors_are_kept_for_the_rest_of_the_service() {
        assert_eq!([200, 1024, 1_048_576].map(room), [72, 896, 1_048_448]);
        assert_eq!(room(100), 25);
    }

    #[test]
    fn the_errors_of_no_room_are_told_from_those_of_one_connection() {
        for (code, expected) in [(24, true), (23, true), (105, true), (12, true), (103, false), (104, false)]
        {
            assert_eq!(ran_out(&io::Error::from_raw_os_error(code)), expected, "{code}");
        }
    }
}
