//! How many files and sockets the process may have open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors for what is no client: listeners, event loops, the log's segments.
const RESERVED: u64 = 64;

/// Raises the limit of open files so far that this many clients fit.
///
/// # Errors
/// The number of clients that the operating system allows instead.
pub(crate) fn make_room(clients: u32) -> Result<(), u64> {
    let needed = u64::from(clients) + RESERVED;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let Some(allowed) = current.filter(|current| *current < needed) else { return Ok(()) };
    let wanted = maximum.map_or(needed, |maximum| maximum.min(needed));
    let raised =
        wanted > allowed && setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum }).is_ok();
    let possible = if raised { wanted } else { allowed };
    if possible >= needed { Ok(()) } else { Err(possible.saturating_sub(RESERVED)) }
}

#[cfg(test)]
mod tests {
    use super::make_room;

    #[test]
    fn what_the_system_allows_is_granted_and_more_is_answered_with_the_most_possible() {
        assert_eq!(make_room(1), Ok(()));
        let most = make_room(u32::MAX).expect_err("no system allows four billion files");
        assert_eq!(make_room(u32::try_from(most).unwrap()), Ok(()));
        assert_eq!(make_room(u32::try_from(most).unwrap() + 1), Err(most));
    }
}
