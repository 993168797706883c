//! Scripts from before WebAssembly 3.0 write exceptions as `(try (do ...) (catch $e ...))`, `(try (do ...) (delegate $l))`.
//! The parser reads only `try ... catch $e ... end`, `try ... delegate $l`.

use wast::lexer::{Lexer, TokenKind};

/// What a parenthesis that is open belongs to.
enum Open {
    Try,
    /// A `try` that ends with `delegate`, not with `end`.
    Delegating,
    /// `do`, `catch`, `catch_all`, `delegate`.
    Part,
    Other,
}

/// The script as the parser reads it. Each token stays in its line.
///
/// # Errors
///
/// If something is no token.
pub fn unfold(lexer: &Lexer<'_>) -> Result<String, wast::Error> {
    let mut out = String::with_capacity(lexer.input().len());
    let mut open = Vec::new();
    // Where a parenthesis is, until the token behind it has been seen.
    let mut opened = None;
    for token in lexer.iter(0) {
        let token = token?;
        let source = token.src(lexer.input());
        match token.kind {
            TokenKind::Whitespace | TokenKind::LineComment | TokenKind::BlockComment => {
                out.push_str(source);
                continue;
            }
            TokenKind::LParen => {
                open.push(Open::Other);
                opened = Some(out.len());
                out.push('(');
                continue;
            }
            TokenKind::RParen => out.push_str(match open.pop() {
                Some(Open::Try) => " end)",
                Some(Open::Part) => " ",
                _ => ")",
            }),
            TokenKind::Keyword => match (opened, &mut open[..], source) {
                (Some(_), [.., this], "try") => {
                    *this = Open::Try;
                    // In the parentheses of an operator that does nothing it may stand wherever it was.
                    out.push_str("nop try");
                }
                (Some(at), [.., within @ Open::Try, this], "do" | "catch" | "catch_all" | "delegate") => {
                    *this = Open::Part;
                    out.replace_range(at..=at, " ");
                    if source == "delegate" {
                        *within = Open::Delegating;
                    }
                    out.push_str(if source == "do" { "" } else { source });
                }
                _ => out.push_str(source),
            },
            _ => out.push_str(source),
        }
        opened = None;
    }
    Ok(out)
}
