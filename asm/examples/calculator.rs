//! A calculator that compiles a formula in `x` to machine code: `calculator "(x + 1) * (x - 1) / 2" 5`.
#![allow(unsafe_code, reason = "to run what was emitted")]

mod executable;

use std::iter::Peekable;
use std::str::Chars;

use executable::Executable;
use planish_asm::{Asm, Pool, PoolSlot, mem::qword, regs::*};
use planish_asm::{LabelSlot, Xmm};

/// A formula being read and compiled: the value of what was read last is in the register of its depth. `x` stays in xmm15.
struct Compiler<'a, 'b> {
    text: Peekable<Chars<'a>>,
    asm: Asm<'b>,
    pool: Pool<'b>,
    depth: u8,
}

impl Compiler<'_, '_> {
    fn next_if(&mut self, wanted: &[char]) -> Option<char> {
        while self.text.next_if(|c| c.is_whitespace()).is_some() {}
        self.text.next_if(|c| wanted.contains(c))
    }

    fn register(&self) -> Result<Xmm, String> {
        Xmm::from_num(self.depth).filter(|&r| r != xmm15).ok_or("too deep".to_string())
    }

    fn sum(&mut self) -> Result<(), String> {
        self.product()?;
        while let Some(operator) = self.next_if(&['+', '-']) {
            self.right_side(operator, Self::product)?;
        }
        Ok(())
    }

    fn product(&mut self) -> Result<(), String> {
        self.value()?;
        while let Some(operator) = self.next_if(&['*', '/']) {
            self.right_side(operator, Self::value)?;
        }
        Ok(())
    }

    fn right_side(&mut self, operator: char, read: fn(&mut Self) -> Result<(), String>) -> Result<(), String> {
        let left = self.register()?;
        self.depth += 1;
        let right = self.register()?;
        read(self)?;
        self.depth -= 1;
        match operator {
            '+' => self.asm.addsd(left, right),
            '-' => self.asm.subsd(left, right),
            '*' => self.asm.mulsd(left, right),
            _ => self.asm.divsd(left, right),
        };
        Ok(())
    }

    fn value(&mut self) -> Result<(), String> {
        if self.next_if(&['(']).is_some() {
            self.sum()?;
            return self.next_if(&[')']).map(|_| ()).ok_or("`)` is missing".to_string());
        }
        let register = self.register()?;
        if self.next_if(&['x']).is_some() {
            self.asm.movaps(register, xmm15);
            return Ok(());
        }
        let mut digits = String::new();
        while let Some(digit) = self.text.next_if(|c| c.is_ascii_digit() || *c == '.') {
            digits.push(digit);
        }
        let number: f64 = digits.parse().map_err(|_| format!("a number at {:?}", self.text.peek()))?;
        let constant = self.pool.u64(&mut self.asm, number.to_bits());
        self.asm.movsd(register, qword(constant));
        Ok(())
    }
}

fn compile(formula: &str) -> Result<Executable, String> {
    let (mut code, mut labels, mut slots) = ([0; 4096], [LabelSlot::EMPTY; 100], [PoolSlot::EMPTY; 100]);
    let asm = Asm::new(&mut code, &mut labels);
    let mut compiler = Compiler { text: formula.chars().peekable(), asm, pool: Pool::new(&mut slots), depth: 0 };
    compiler.asm.movaps(xmm15, xmm0);
    compiler.sum()?;
    if let Some(rest) = compiler.text.next() {
        return Err(format!("`{rest}` is not an operator"));
    }
    let Compiler { mut asm, mut pool, .. } = compiler;
    asm.ret();
    pool.emit(&mut asm);
    Executable::new(asm.finish().map_err(|error| error.to_string())?).map_err(|error| error.to_string())
}

fn calculate(formula: &str, x: f64) -> Result<f64, String> {
    let executable = compile(formula)?;
    // SAFETY: the code is a function of the C ABI that takes and returns a `f64`.
    let function: extern "C" fn(f64) -> f64 = unsafe { std::mem::transmute(executable.address()) };
    Ok(function(x))
}

fn main() -> Result<(), String> {
    let mut arguments = std::env::args().skip(1);
    let formula = arguments.next().unwrap_or("(x + 1) * (x - 1) / 2".to_string());
    let x = arguments.next().map_or(Ok(5.0), |x| x.parse()).map_err(|_| "x is not a number")?;
    println!("{formula} = {}", calculate(&formula, x)?);
    assert_eq!(calculate("(x + 1) * (x - 1) / 2", 5.0), Ok(12.0));
    assert_eq!(calculate("2 - x / 4 - 0.5", 2.0), Ok(1.0));
    assert!(calculate("1 +", 0.0).is_err());
    Ok(())
}
