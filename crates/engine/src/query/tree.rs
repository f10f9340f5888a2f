//! Words and signs to a tree, by the precedence that PostgreSQL gives them.
//!
//! Each operator binds as strongly as its level says (operator precedence parsing, after V. Pratt, 1973). Comparisons, and LIKE and
//! its kin, do not stand in a row. What must hold: no tree is deeper than `depth_max`, so neither reading it nor dropping it takes
//! much of the stack; rows of AND and OR are one node each.

use super::Limits;
use super::error::QueryError;
use super::form::{Comparison, NumberKind, Operation, TimeKind};
use super::lexer::{self, Column, Kind, Token, Word};
use super::literal::Target;

/// How strongly operators bind.
mod level {
    pub(super) const OR: u8 = 1;
    pub(super) const AND: u8 = 2;
    pub(super) const NOT: u8 = 3;
    pub(super) const IS: u8 = 4;
    pub(super) const COMPARISON: u8 = 5;
    pub(super) const LIKE: u8 = 6;
    pub(super) const OTHER: u8 = 7;
    pub(super) const SUM: u8 = 8;
    pub(super) const PRODUCT: u8 = 9;
    pub(super) const SIGN: u8 = 10;
    pub(super) const CAST: u8 = 11;
}

/// An expression.
#[derive(Debug)]
pub(super) struct Tree {
    /// The byte of its operator, or where it begins if it has none.
    pub(super) at: usize,
    depth: usize,
    pub(super) node: Node,
}

#[derive(Debug)]
pub(super) enum Node {
    Column(Column),
    Number(String),
    Text(String),
    Bool(bool),
    Null,
    Array(Vec<Tree>),
    And(Vec<Tree>),
    Or(Vec<Tree>),
    Not(Box<Tree>),
    /// With a sign: whether that is a minus.
    Signed(bool, Box<Tree>),
    Compare(Comparison, Box<(Tree, Tree)>),
    Compute(Operation, Box<(Tree, Tree)>),
    /// `->`, `#>`, `?`, `@>` and their kin.
    Operator(&'static str, Box<(Tree, Tree)>),
    Between(Box<[Tree; 3]>),
    In(Box<Tree>, Vec<Tree>),
    Like {
        texts: Box<(Tree, Tree)>,
        escape: Option<Box<Tree>>,
        folds: bool,
    },
    IsNull(Box<Tree>),
    /// `IS TRUE`, `IS FALSE`, `IS UNKNOWN`
    Is(Box<Tree>, Option<bool>),
    Cast(Box<Tree>, Type),
}

/// A type, as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Of(Target),
    /// `text[]`
    Texts,
}

/// Reads the tokens of a text.
pub(super) struct Parser<'p> {
    text: &'p str,
    tokens: &'p [Token<'p>],
    depth_max: usize,
    /// How much deeper it may go.
    depth_left: usize,
}

type Outcome<T> = Result<T, QueryError>;

impl<'p> Parser<'p> {
    pub(super) fn new(text: &'p str, tokens: &'p [Token<'p>], limits: &Limits) -> Self {
        Self { text, tokens, depth_max: limits.depth_max, depth_left: limits.depth_max }
    }

    fn peek(&self) -> Option<&'p Kind<'p>> {
        self.tokens.first().map(|token| &token.kind)
    }

    fn at(&self) -> usize {
        self.tokens.first().map_or(self.text.len(), |token| token.at)
    }

    fn advance(&mut self) {
        self.tokens = self.tokens.get(1..).unwrap_or_default();
    }

    /// Takes a word, if it is the next.
    pub(super) fn takes(&mut self, word: Word) -> bool {
        let is = self.peek() == Some(&Kind::Word(word));
        if is {
            self.advance();
        }
        is
    }

    /// Takes a sign, if it is the next.
    pub(super) fn takes_sign(&mut self, sign: &str) -> bool {
        let is = matches!(self.peek(), Some(Kind::Sign(next)) if *next == sign);
        if is {
            self.advance();
        }
        is
    }

    /// Takes the name that is given behind AS, if there is one.
    pub(super) fn takes_name(&mut self) -> Outcome<Option<Box<str>>> {
        if !self.takes(Word::As) {
            return Ok(None);
        }
        let name = match self.peek() {
            Some(Kind::Name(name)) => name.clone(),
            Some(Kind::Word(_)) => lexer::near(self.text, self.at()).to_ascii_lowercase(),
            _ => return Err(self.unexpected()),
        };
        self.advance();
        Ok(Some(name.into()))
    }

    pub(super) fn unexpected(&self) -> QueryError {
        lexer::syntax_error(self.text, self.at())
    }

    fn expect(&mut self, sign: &str) -> Outcome<()> {
        if self.takes_sign(sign) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn expect_word(&mut self, word: Word) -> Outcome<()> {
        if self.takes(word) { Ok(()) } else { Err(self.unexpected()) }
    }

    /// Nothing is left.
    pub(super) fn end(&self) -> Outcome<()> {
        if self.tokens.is_empty() { Ok(()) } else { Err(self.unexpected()) }
    }

    /// An expression.
    pub(super) fn expression(&mut self) -> Outcome<Tree> {
        self.binding(level::OR)
    }

    fn too_deep(&self, at: usize) -> QueryError {
        lexer::error(self.text, at, format!("the expression is nested more than {} deep", self.depth_max))
    }

    fn tree(&self, at: usize, node: Node) -> Outcome<Tree> {
        let depth = 1 + node.children().map(|child| child.depth).max().unwrap_or(0);
        let tree = Tree { at, depth, node };
        if depth > self.depth_max { Err(self.too_deep(at)) } else { Ok(tree) }
    }

    /// An expression of operators that bind at least so strongly.
    fn binding(&mut self, least: u8) -> Outcome<Tree> {
        let Some(left) = self.depth_left.checked_sub(1) else { return Err(self.too_deep(self.at())) };
        self.depth_left = left;
        let mut tree = self.prefix()?;
        // The level of the last operator, if another one of it cannot follow.
        let mut alone = None;
        while let Some(level) = self.infix_level().filter(|level| *level >= least) {
            if alone == Some(level) {
                return Err(self.unexpected());
            }
            let at = self.at();
            let is_alone = matches!(level, level::COMPARISON | level::LIKE);
            alone = is_alone.then_some(level);
            let node = self.infix(tree, level)?;
            tree = self.tree(at, node)?;
        }
        self.depth_left += 1;
        Ok(tree)
    }

    /// How strongly the next operator binds, if it stands between two expressions, or behind one.
    fn infix_level(&self) -> Option<u8> {
        Some(match self.peek()? {
            Kind::Word(Word::Or) => level::OR,
            Kind::Word(Word::And) => level::AND,
            Kind::Word(Word::Is) => level::IS,
            Kind::Word(Word::Like | Word::Ilike | Word::In | Word::Between) => level::LIKE,
            Kind::Word(Word::Not) => match self.tokens.get(1)?.kind {
                Kind::Word(Word::Like | Word::Ilike | Word::In | Word::Between) => level::LIKE,
                _ => return None,
            },
            Kind::Sign(sign) => match *sign {
                "+" | "-" => level::SUM,
                "*" | "/" => level::PRODUCT,
                "::" => level::CAST,
                "(" | ")" | "[" | "]" | "," => return None,
                sign if comparison(sign).is_some() => level::COMPARISON,
                _ => level::OTHER,
            },
            _ => return None,
        })
    }

    /// What the next operator makes of what is left of it.
    fn infix(&mut self, left: Tree, level: u8) -> Outcome<Node> {
        let Some(kind) = self.peek() else { return Err(self.unexpected()) };
        self.advance();
        Ok(match kind {
            Kind::Word(Word::And) => Node::And(self.row(Word::And, left, level)?),
            Kind::Word(Word::Or) => Node::Or(self.row(Word::Or, left, level)?),
            Kind::Word(Word::Is) => self.is(left)?,
            Kind::Word(Word::Not) => {
                let at = self.at();
                let node = self.like(left)?;
                Node::Not(Box::new(self.tree(at, node)?))
            }
            Kind::Word(_) => self.like_word(kind, left)?,
            Kind::Sign("::") => Node::Cast(Box::new(left), self.type_name()?),
            Kind::Sign(sign) => {
                let right = self.binding(level + 1)?;
                let both = Box::new((left, right));
                match (operation(sign), comparison(sign)) {
                    (Some(operation), _) => Node::Compute(operation, both),
                    (_, Some(comparison)) => Node::Compare(comparison, both),
                    _ => Node::Operator(sign, both),
                }
            }
            _ => return Err(self.unexpected()),
        })
    }

    /// What stands on either side of each of a row of this word, of which the first has been taken.
    fn row(&mut self, word: Word, left: Tree, level: u8) -> Outcome<Vec<Tree>> {
        let mut row = vec![left, self.binding(level + 1)?];
        while self.takes(word) {
            row.push(self.binding(level + 1)?);
        }
        Ok(row)
    }

    fn is(&mut self, left: Tree) -> Outcome<Node> {
        let at = self.at();
        let is_not = self.takes(Word::Not);
        let left = Box::new(left);
        let node = if self.takes(Word::Null) {
            Node::IsNull(left)
        } else if self.takes(Word::True) {
            Node::Is(left, Some(true))
        } else if self.takes(Word::False) {
            Node::Is(left, Some(false))
        } else if self.takes(Word::Unknown) {
            Node::Is(left, None)
        } else if self.takes(Word::Distinct) {
            self.expect_word(Word::From)?;
            let right = self.binding(level::COMPARISON)?;
            if self.peek() == Some(&Kind::Word(Word::Is)) {
                return Err(self.unexpected());
            }
            let how = if is_not { Comparison::NotDistinct } else { Comparison::Distinct };
            return Ok(Node::Compare(how, Box::new((*left, right))));
        } else {
            return Err(self.unexpected());
        };
        if is_not { Ok(Node::Not(Box::new(self.tree(at, node)?))) } else { Ok(node) }
    }

    fn like(&mut self, left: Tree) -> Outcome<Node> {
        let Some(kind) = self.peek() else { return Err(self.unexpected()) };
        self.advance();
        self.like_word(kind, left)
    }

    /// LIKE, ILIKE, IN or BETWEEN, of which the word has been taken.
    fn like_word(&mut self, word: &Kind<'_>, left: Tree) -> Outcome<Node> {
        match word {
            Kind::Word(Word::Between) => {
                let low = self.binding(level::OTHER)?;
                self.expect_word(Word::And)?;
                let high = self.binding(level::OTHER)?;
                Ok(Node::Between(Box::new([left, low, high])))
            }
            Kind::Word(Word::In) => {
                self.expect("(")?;
                let list = self.list(")")?;
                Ok(Node::In(Box::new(left), list))
            }
            Kind::Word(word @ (Word::Like | Word::Ilike)) => {
                let pattern = self.binding(level::OTHER)?;
                let escape =
                    if self.takes(Word::Escape) { Some(Box::new(self.binding(level::OTHER)?)) } else { None };
                let texts = Box::new((left, pattern));
                Ok(Node::Like { texts, escape, folds: *word == Word::Ilike })
            }
            _ => Err(self.unexpected()),
        }
    }

    /// Expressions up to a sign, which is taken.
    fn list(&mut self, end: &str) -> Outcome<Vec<Tree>> {
        let mut list = vec![self.expression()?];
        while self.takes_sign(",") {
            list.push(self.expression()?);
        }
        self.expect(end)?;
        Ok(list)
    }

    /// What may stand where an expression begins.
    fn prefix(&mut self) -> Outcome<Tree> {
        let at = self.at();
        let Some(kind) = self.peek() else { return Err(self.unexpected()) };
        if let Kind::Word(word) = kind
            && is_type(*word)
        {
            return self.typed_text(at);
        }
        self.advance();
        let node = match kind {
            Kind::Sign("(") => {
                let inner = self.expression()?;
                self.expect(")")?;
                return Ok(inner);
            }
            Kind::Sign(sign @ ("+" | "-")) => {
                Node::Signed(*sign == "-", Box::new(self.binding(level::SIGN)?))
            }
            Kind::Word(Word::Not) => Node::Not(Box::new(self.binding(level::NOT)?)),
            Kind::Word(Word::Cast) => {
                self.expect("(")?;
                let inner = self.expression()?;
                self.expect_word(Word::As)?;
                let kind = self.type_name()?;
                self.expect(")")?;
                Node::Cast(Box::new(inner), kind)
            }
            Kind::Word(Word::Array) => {
                self.expect("[")?;
                Node::Array(self.list("]")?)
            }
            Kind::Word(Word::True) => Node::Bool(true),
            Kind::Word(Word::False) => Node::Bool(false),
            Kind::Word(Word::Null) => Node::Null,
            Kind::Column(column) => Node::Column(*column),
            Kind::Number(number) => Node::Number((*number).to_owned()),
            Kind::Text(text) => Node::Text(text.clone()),
            Kind::Word(_) | Kind::Sign(_) | Kind::Name(_) => return Err(lexer::syntax_error(self.text, at)),
        };
        self.tree(at, node)
    }

    /// `DATE '2026-11-21'`
    fn typed_text(&mut self, at: usize) -> Outcome<Tree> {
        let kind = self.type_name()?;
        let Some(Kind::Text(text)) = self.peek() else { return Err(self.unexpected()) };
        let inner = self.tree(self.at(), Node::Text(text.clone()))?;
        self.advance();
        self.tree(at, Node::Cast(Box::new(inner), kind))
    }

    fn type_name(&mut self) -> Outcome<Type> {
        let Some(Kind::Word(word)) = self.peek() else { return Err(self.unexpected()) };
        let at = self.at();
        self.advance();
        let target = match word {
            Word::Integer => Target::Number(NumberKind::Int),
            Word::Bigint => Target::Number(NumberKind::BigInt),
            Word::Numeric => Target::Number(NumberKind::Numeric),
            Word::Float => Target::Float { single: false },
            Word::Double => {
                self.expect_word(Word::Precision)?;
                Target::Float { single: false }
            }
            Word::Real => Target::Float { single: true },
            Word::Text if self.takes_sign("[") => {
                self.expect("]")?;
                return Ok(Type::Texts);
            }
            Word::Text => Target::Text,
            Word::Boolean => Target::Bool,
            Word::Jsonb => Target::Json,
            Word::Date => Target::Time(TimeKind::Date),
            Word::Timestamptz => Target::Time(TimeKind::TimestampTz),
            Word::Timestamp => {
                let with = self.takes(Word::With);
                if with || self.takes(Word::Without) {
                    self.expect_word(Word::Time)?;
                    self.expect_word(Word::Zone)?;
                }
                Target::Time(if with { TimeKind::TimestampTz } else { TimeKind::Timestamp })
            }
            _ => return Err(lexer::syntax_error(self.text, at)),
        };
        Ok(Type::Of(target))
    }
}

impl Node {
    fn children(&self) -> impl Iterator<Item = &Tree> {
        let (few, many): ([Option<&Tree>; 3], &[Tree]) = match self {
            Self::Column(_) | Self::Number(_) | Self::Text(_) | Self::Bool(_) | Self::Null => {
                ([None; 3], &[])
            }
            Self::And(parts) | Self::Or(parts) | Self::Array(parts) => ([None; 3], parts),
            Self::Not(one)
            | Self::Signed(_, one)
            | Self::IsNull(one)
            | Self::Is(one, _)
            | Self::Cast(one, _) => ([Some(one), None, None], &[]),
            Self::Compare(_, both) | Self::Compute(_, both) | Self::Operator(_, both) => {
                ([Some(&both.0), Some(&both.1), None], &[])
            }
            Self::Between(three) => ([Some(&three[0]), Some(&three[1]), Some(&three[2])], &[]),
            Self::In(one, list) => ([Some(one), None, None], list),
            Self::Like { texts, escape, .. } => ([Some(&texts.0), Some(&texts.1), escape.as_deref()], &[]),
        };
        few.into_iter().flatten().chain(many)
    }
}

fn is_type(word: Word) -> bool {
    matches!(
        word,
        Word::Integer
            | Word::Bigint
            | Word::Numeric
            | Word::Float
            | Word::Double
            | Word::Real
            | Word::Text
            | Word::Boolean
            | Word::Jsonb
            | Word::Date
            | Word::Timestamp
            | Word::Timestamptz
    )
}

fn operation(sign: &str) -> Option<Operation> {
    Some(match sign {
        "+" => Operation::Plus,
        "-" => Operation::Minus,
        "*" => Operation::Times,
        "/" => Operation::Divided,
        _ => return None,
    })
}

fn comparison(sign: &str) -> Option<Comparison> {
    Some(match sign {
        "=" => Comparison::Equal,
        "<>" | "!=" => Comparison::NotEqual,
        "<" => Comparison::Less,
        "<=" => Comparison::LessOrEqual,
        ">" => Comparison::Greater,
        ">=" => Comparison::GreaterOrEqual,
        _ => return None,
    })
}
