//! The checkpoints of a folder.

use crate::error::Error;
use crate::io::Disk;

/// The name of a checkpoint's file.
pub(crate) fn name(number: u32) -> String {
    format!("ckpt-{number:08x}.rkc")
}

/// The name while it is written.
pub(crate) fn unfinished_name(number: u32) -> String {
    format!("{}.new", name(number))
}

/// The number of a checkpoint's file; `None` for any other file.
fn parse_name(file: &str) -> Option<u32> {
    let number = u32::from_str_radix(file.strip_prefix("ckpt-")?.strip_suffix(".rkc")?, 16).ok()?;
    (name(number) == file).then_some(number)
}

/// Whether a file is a checkpoint, by its name.
pub(crate) fn is_name(file: &str) -> bool {
    parse_name(file).is_some()
}

/// The number of the newest checkpoint.
pub(crate) fn newest(disk: &dyn Disk) -> Result<Option<u32>, Error> {
    Ok(disk.list()?.iter().filter_map(|file| parse_name(file)).max())
}

/// Removes the checkpoints before this one, which must be durable.
pub(crate) fn remove_older(disk: &dyn Disk, than: u32) -> Result<(), Error> {
    let is_older = |file: &String| parse_name(file).is_some_and(|number| number < than);
    disk.list()?.iter().filter(|file| is_older(file)).try_for_each(|file| disk.remove(file))
}

/// Removes what a checkpoint that was never finished has left.
pub(crate) fn remove_unfinished(disk: &dyn Disk) -> Result<(), Error> {
    let is_unfinished =
        |file: &String| file.strip_suffix(".new").is_some_and(|file| parse_name(file).is_some());
    disk.list()?.iter().filter(|file| is_unfinished(file)).try_for_each(|file| disk.remove(file))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::mem::MemDisk;

    #[test]
    fn only_the_names_we_give_are_checkpoints() {
        let disk = MemDisk::default();
        for file in [
            "ckpt-1.rkc",
            "ckpt-0000000A.rkc",
            "ckpt-00000009.rkc.bak",
            "MANIFEST",
            "MANIFEST.new",
            "ckpt-00000003.rkc.new",
        ] {
            disk.put(file, b"");
        }
        assert_eq!(newest(&disk).unwrap(), None);
        [1, 2, 0x1f].iter().for_each(|number| disk.put(&name(*number), b""));
        assert_eq!(newest(&disk).unwrap(), Some(0x1f));
        remove_older(&disk, 0x1f).unwrap();
        remove_unfinished(&disk).unwrap();
        let left = disk.list().unwrap();
        assert!(left.contains(&name(0x1f)) && left.contains(&"MANIFEST.new".to_owned()));
        assert_eq!(left.len(), 6);
    }
}
