//! An append-only file as commands: `*2 $6 SELECT $1 0`, with `#TS:` lines between them.
//!
//! What must hold: a transaction is given out whole or not at all; memory follows what was read. A file that ends inside of
//! a command or a transaction is torn, which a crash may do; anything else that is wrong is damage.

use std::io::{BufRead, BufReader, ErrorKind, Read};

/// Why no further command can be read.
#[derive(Debug)]
pub(super) enum AofFault {
    /// The file ends inside of a command or a transaction.
    Torn,
    /// What stands there is no command.
    Damaged(&'static str),
    /// The file cannot be read.
    Io(std::io::Error),
}

impl std::fmt::Display for AofFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Torn => f.write_str("the last command or transaction is cut off"),
            Self::Damaged(text) => f.write_str(text),
            Self::Io(error) => write!(f, "it cannot be read: {error}"),
        }
    }
}

/// The words of one command.
pub(super) type Words = Vec<Vec<u8>>;

/// Reads commands.
pub(super) struct AofReader<R> {
    from: BufReader<R>,
    position: u64,
}

/// Longer lines are no lengths and no annotations.
const LINE_BYTES_MAX: u64 = 4096;

impl<R: Read> AofReader<R> {
    /// Begins at this position of the file.
    pub(super) fn new(from: R, position: u64) -> Self {
        Self { from: BufReader::with_capacity(256 << 10, from), position }
    }

    /// The end of the last transaction or command that was given out whole.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// The next command alone, or the commands of the next transaction without MULTI and EXEC; none at the end.
    ///
    /// # Errors
    /// See [`AofFault`]; the position stays that of what is whole.
    pub(super) fn next(&mut self) -> Result<Option<(Vec<Words>, bool)>, AofFault> {
        let mut read = 0;
        let Some(first) = self.command(&mut read)? else { return Ok(None) };
        if !is(&first, "multi") {
            self.position += read;
            return Ok(Some((vec![first], false)));
        }
        let mut commands = Vec::new();
        loop {
            match self.command(&mut read)? {
                None => return Err(AofFault::Torn),
                Some(words) if is(&words, "exec") => break,
                Some(words) if is(&words, "multi") => {
                    return Err(AofFault::Damaged("a transaction begins inside of another"));
                }
                Some(words) => commands.push(words),
            }
        }
        self.position += read;
        Ok(Some((commands, true)))
    }

    fn command(&mut self, read: &mut u64) -> Result<Option<Words>, AofFault> {
        let count = loop {
            let Some(line) = self.line(read)? else { return Ok(None) };
            match line.split_first() {
                Some((b'*', digits)) => break number(digits),
                Some((b'#', _)) => {}
                _ => return Err(AofFault::Damaged("what stands there is no command")),
            }
        };
        let count = count.filter(|count| *count > 0).ok_or(AofFault::Damaged("a command without words"))?;
        let mut words = Words::new();
        for _ in 0..count {
            let line = self.line(read)?.ok_or(AofFault::Torn)?;
            let length = match line.split_first() {
                Some((b'$', digits)) => number(digits),
                _ => None,
            };
            let length = length.ok_or(AofFault::Damaged("a word without a length"))?;
            words.push(self.word(length, read)?);
        }
        Ok(Some(words))
    }

    /// A line without its end; none at the end of the file.
    fn line(&mut self, read: &mut u64) -> Result<Option<Vec<u8>>, AofFault> {
        let mut line = Vec::new();
        let bytes =
            self.from.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line).map_err(AofFault::Io)?
                as u64;
        *read += bytes;
        match line.strip_suffix(b"\r\n") {
            Some(line) => Ok(Some(line.to_vec())),
            None if bytes == 0 => Ok(None),
            None if line.ends_with(b"\n") || bytes == LINE_BYTES_MAX => {
                Err(AofFault::Damaged("what stands there is no command"))
            }
            None => Err(if b"*$#".contains(&line[0]) || line == b"\r" {
                AofFault::Torn
            } else {
                AofFault::Damaged("what stands there is no command")
            }),
        }
    }

    fn word(&mut self, length: u64, read: &mut u64) -> Result<Vec<u8>, AofFault> {
        let mut word = Vec::new();
        // It grows with what is read, not with what is announced.
        let bytes = self.from.by_ref().take(length).read_to_end(&mut word).map_err(AofFault::Io)? as u64;
        *read += bytes;
        if bytes < length {
            return Err(AofFault::Torn);
        }
        let mut end = [0; 2];
        match self.from.read_exact(&mut end) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Err(AofFault::Torn),
            Err(error) => return Err(AofFault::Io(error)),
            Ok(()) if end != *b"\r\n" => return Err(AofFault::Damaged("a word longer than its length")),
            Ok(()) => *read += 2,
        }
        Ok(word)
    }
}

fn is(words: &Words, name: &str) -> bool {
    words[0].eq_ignore_ascii_case(name.as_bytes())
}

fn number(digits: &[u8]) -> Option<u64> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{AofFault, AofReader, Words};
    use ramekin_resp::encode_command;

    fn file(commands: &[&[&str]]) -> Vec<u8> {
        let mut out = Vec::new();
        for command in commands {
            encode_command(&mut out, &command.iter().map(|word| word.as_bytes()).collect::<Vec<_>>());
        }
        out
    }

    type Units = Vec<(Vec<Words>, bool)>;

    fn read(bytes: &[u8]) -> (Units, u64, Option<AofFault>) {
        let mut reader = AofReader::new(bytes, 0);
        let mut units = Vec::new();
        loop {
            match reader.next() {
                Ok(Some(unit)) => units.push(unit),
                Ok(None) => return (units, reader.position(), None),
                Err(fault) => return (units, reader.position(), Some(fault)),
            }
        }
    }

    #[test]
    fn a_transaction_comes_whole_and_annotations_are_passed_over() {
        let mut bytes = b"#TS:1700000000\r\n".to_vec();
        bytes.extend(file(&[&["SELECT", "0"], &["MULTI"], &["SET", "a", ""], &["DEL", "b"], &["EXEC"]]));
        let (units, position, fault) = read(&bytes);
        assert!(fault.is_none() && position == bytes.len() as u64);
        assert_eq!((units.len(), units[0].1, units[1].0.len(), units[1].1), (2, false, 2, true));
        assert_eq!(units[1].0[0], [b"SET".to_vec(), b"a".to_vec(), vec![]]);
    }

    #[test]
    fn a_file_cut_anywhere_is_torn_behind_what_was_whole() {
        let first = file(&[&["SET", "a", "1"]]);
        let bytes = [first.clone(), file(&[&["MULTI"], &["SET", "b", "2"], &["EXEC"]])].concat();
        for cut in 0..bytes.len() {
            let (units, position, fault) = read(&bytes[..cut]);
            let whole = usize::from(cut >= first.len());
            assert_eq!((units.len(), position), (whole, (whole * first.len()) as u64), "{cut}");
            let is_torn = matches!(fault, Some(AofFault::Torn));
            assert_eq!(is_torn, cut != 0 && cut != first.len(), "{cut}: {fault:?}");
        }
    }

    #[test]
    fn what_is_no_command_is_damage_and_lengths_cost_nothing() {
        for bytes in [
            &b"SET a 1\r\n"[..],
            b"*0\r\n",
            b"*x\r\n",
            b"*1\r\n+OK\r\n",
            b"*1\r\n$1\r\nabc",
            b"\0\0\0\0",
            b"*1\n$4\nPING\n",
        ] {
            assert!(matches!(read(bytes).2, Some(AofFault::Damaged(_))), "{bytes:?}");
        }
        let vast = b"*18446744073709551615\r\n$18446744073709551615\r\nabc";
        assert!(matches!(read(vast).2, Some(AofFault::Torn)));
        let nested = file(&[&["MULTI"], &["MULTI"]]);
        assert!(matches!(read(&nested).2, Some(AofFault::Damaged(_))));
    }
}
