//! Passwords on the command line: typed unseen, or from a file. Never an argument, where every process of the machine could read it.

use std::{io::IsTerminal, path::Path};

use zeroize::Zeroizing;

use super::{exit::Exit, failure::Failure, terminal::Terminal};

/// A longer line is no password.
const LINE_BYTES_MAX: u64 = 4096;

/// A password from the first line of a file, `-` for stdin; without one, from whoever sits at the terminal.
///
/// # Errors
/// Exit 66 where there is neither, 65 for an empty one.
pub(super) fn read(
    terminal: &Terminal,
    file: Option<&Path>,
    prompt: &str,
) -> Result<Zeroizing<String>, Failure> {
    let password = match file {
        Some(file) => first_line(file)?,
        None => typed(terminal, prompt)?,
    };
    if password.is_empty() {
        return Err(Failure::new(Exit::BadData, "the password is empty"));
    }
    Ok(password)
}

/// A new password: whoever types it types it twice.
///
/// # Errors
/// As [`read`]; exit 65 where the two are not the same.
pub(super) fn read_new(terminal: &Terminal, file: Option<&Path>) -> Result<Zeroizing<String>, Failure> {
    let password = read(terminal, file, "new password: ")?;
    if file.is_none() && read(terminal, None, "the same again: ")? != password {
        return Err(Failure::new(Exit::BadData, "the two are not the same"));
    }
    Ok(password)
}

/// A line that is no lasting secret (a one-time code), from the terminal or from stdin.
///
/// # Errors
/// Exit 66 where there is none.
pub(super) fn read_line(terminal: &Terminal, prompt: &str) -> Result<Zeroizing<String>, Failure> {
    if std::io::stdin().is_terminal() {
        terminal.note(prompt.trim_end_matches([':', ' ']));
    }
    let line = first_line(Path::new("-"))?;
    if line.is_empty() {
        return Err(Failure::new(Exit::NoInput, "nothing was given").next("name it with --code CODE"));
    }
    Ok(line)
}

fn typed(terminal: &Terminal, prompt: &str) -> Result<Zeroizing<String>, Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::new(Exit::NoInput, "nobody sits at a terminal to type a password")
            .next("name a file with --password-file FILE, - for stdin"));
    }
    let cannot = |error| Failure::because(Exit::NoInput, "cannot read the password", &error);
    // The prompt goes where the talk goes: stdout is the answer's.
    terminal.note(prompt.trim_end_matches([':', ' ']));
    rpassword::read_password().map(Zeroizing::new).map_err(cannot)
}

/// The first line of a file, without its end. The file may be anybody's: what is in it is the person's own care.
pub(super) fn first_line(file: &Path) -> Result<Zeroizing<String>, Failure> {
    use std::io::{BufRead, BufReader, Read};
    let cannot = |error: &std::io::Error| {
        Failure::because(Exit::NoInput, format_args!("cannot read {}", file.display()), error)
    };
    let mut line = Zeroizing::new(String::with_capacity(256));
    if file.as_os_str() == "-" {
        let stdin = std::io::stdin().lock();
        stdin.take(LINE_BYTES_MAX).read_line(&mut line).map_err(|error| cannot(&error))?;
    } else {
        let opened = std::fs::File::open(file).map_err(|error| cannot(&error))?;
        BufReader::new(opened.take(LINE_BYTES_MAX)).read_line(&mut line).map_err(|error| cannot(&error))?;
    }
    Ok(Zeroizing::new(line.trim_end_matches(['\r', '\n']).to_owned()))
}
