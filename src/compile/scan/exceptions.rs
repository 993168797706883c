//! Exceptions (specification 3.4.2, 4.6.10): from each call in a block that catches there may be a way to a label.
//!
//! Such a way leads behind the function's code and from there to the label, whose merge variables it writes. What lives
//! at the label and at the call is in its home or, where calls destroy that, in the slot to which the call saved it.

use super::frame::{Frame, LegacyTry, Opener};
use super::life::NEVER;
use super::refusal::Refusal;
use super::state::{Scan, class_of};
use super::ty::{Ty, ensure};
use crate::compile::op::{Class, Op};
use crate::compile::tape::{CatchInfo, Handler, NO_HANDLER, Ref};
use crate::decode::{BlockType, Cursor, Invalid};
use crate::types::{FuncType, HeapType, RefType, TagIndex, ValType};

/// As in the parser.
const MAX_CATCHES: u32 = 10_000;

/// What a caught exception leaves if a reference to it is asked for.
const EXCEPTION: ValType = ValType::Ref(RefType { nullable: false, heap: HeapType::Exn });

impl<'m> Scan<'m> {
    fn tag_type(&self, tag: u32) -> Result<&FuncType, Invalid> {
        let info = self.info;
        info.tags.get(tag as usize).map(|ty| info.types[ty.index()].func_type()).ok_or(Invalid)
    }

    pub(super) fn throw(&mut self, tag: u32) -> Result<(), Invalid> {
        let info = self.info;
        let ty = &info.types[info.tags.get(tag as usize).ok_or(Invalid)?.index()];
        if !self.takes_values(ty.params())? {
            self.die();
            return Ok(());
        }
        let count = ty.params().len();
        self.tape.outgoing_bytes = self.tape.outgoing_bytes.max(16 * count as u32);
        let args = self.pop_list(&[], count, &[]);
        self.note_throw();
        self.push_call(Op::Throw, Class::I32, Ref::NOTHING, args, Ref::NOTHING.to_item(), tag);
        self.die();
        Ok(())
    }

    pub(super) fn throw_ref(&mut self) -> Result<(), Invalid> {
        match self.takes(&[Ty::EXNREF], &[])? {
            true => {
                let exception = self.pop_value();
                self.throw_value(exception);
            }
            false => self.die(),
        }
        Ok(())
    }

    fn throw_value(&mut self, exception: Ref) {
        self.note_throw();
        self.effect(Op::ThrowRef, Class::I64, exception, Ref::NOTHING, 0);
        self.die();
    }

    /// Where nothing catches, nothing has to survive a throw: it does not count as a call that variables live across.
    fn note_throw(&mut self) {
        self.can_trap();
        match self.handler {
            NO_HANDLER => self.call_count += 1,
            _ => self.note_call(),
        }
    }

    /// From here on calls are in this handler.
    #[inline(always)]
    pub(super) fn enter_handler(&mut self, handler: u32) {
        if self.handler != handler {
            self.handler = handler;
            self.plain_entry(Op::Handler, handler);
        }
    }

    fn new_handler(&mut self) -> u32 {
        self.tape.handlers.push(Handler { outer: self.handler, first: NO_HANDLER, last: NO_HANDLER });
        self.tape.handlers.len() as u32 - 1
    }

    /// A way to a label, to be the last of its handler.
    fn add_catch(&mut self, catch: CatchInfo) -> u32 {
        let number = self.tape.catches.len() as u32;
        let handler = &mut self.tape.handlers[catch.handler as usize];
        match handler.first {
            NO_HANDLER => handler.first = number,
            _ => self.tape.catches[handler.last as usize].next = number,
        }
        handler.last = number;
        self.tape.catches.push(catch);
        number
    }

    pub(super) fn begin_try_table(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Refusal> {
        let ty = cursor.block_type(self.info)?;
        let reached = self.takes_params(ty)?;
        let count = cursor.u32()?;
        ensure(count <= MAX_CATCHES)?;
        let handler = if reached { self.new_handler() } else { NO_HANDLER };
        if reached {
            // An operand may be written to a variable that a catch writes, too: before that one's life begins there.
            self.flush();
        }
        for _ in 0..count {
            let kind = cursor.byte()?;
            let tag = match kind {
                0 | 1 => Some(TagIndex(cursor.u32()?)),
                2 | 3 => None,
                _ => return Err(Refusal::Invalid),
            };
            self.try_table_catch(handler, tag, kind & 1 == 1, cursor.u32()?)?;
            // A catch takes three bytes, its values a list of a thousand.
            self.is_not_too_large()?;
        }
        if !reached {
            self.open_dead(Opener::Block, ty);
            return Ok(());
        }
        self.open(Opener::Block, ty, false);
        self.enter_handler(handler);
        Ok(())
    }

    /// A catch with a label of the blocks that are open, if anything can be reached.
    fn try_table_catch(
        &mut self,
        handler: u32,
        tag: Option<TagIndex>,
        with_reference: bool,
        depth: u32,
    ) -> Result<(), Invalid> {
        let (info, frame) = (self.info, self.frame_at(depth)?);
        let values = match tag {
            Some(tag) => self.tag_type(tag.0)?.params(),
            None => &[],
        };
        let (count, mut types) = (values.len(), frame.label_types(info));
        if with_reference {
            let (last, rest) = types.split_last().ok_or(Invalid)?;
            ensure(EXCEPTION.matches(last))?;
            types = rest;
        }
        ensure(types.len() == count && values.iter().zip(types).all(|(value, ty)| value.matches(ty)))?;
        if handler == NO_HANDLER {
            return Ok(());
        }
        let values = self.catch_values(&frame, types);
        let exception = match with_reference {
            true => self.catch_value(frame.height + count, Class::I64),
            false => NO_HANDLER,
        };
        self.use_label(self.target(depth));
        self.add_catch(CatchInfo { tag, label: frame.label, values, exception, next: NO_HANDLER, handler });
        Ok(())
    }

    /// The list of a frame's merge variables for the values of an exception.
    fn catch_values(&mut self, frame: &Frame, types: &[ValType]) -> u32 {
        for (index, ty) in types.iter().enumerate() {
            self.catch_value(frame.height + index, class_of(ty));
        }
        let list = self.start_list(types.len());
        for (index, ty) in types.iter().enumerate() {
            let var = self.merge(frame.height + index, class_of(ty));
            self.tape.lists.push(var);
        }
        list
    }

    fn catch_value(&mut self, height: usize, class: Class) -> u32 {
        let var = self.merge(height, class);
        self.touch(self.tape.entries.len(), var, true, 0);
        var
    }

    /// Handlers without catches get the first of those around them, which began before them.
    pub(super) fn finish_handlers(&mut self) {
        for place in 0..self.tape.handlers.len() {
            let Handler { outer, first, .. } = self.tape.handlers[place];
            if first == NO_HANDLER {
                self.tape.handlers[place].first = self.tape.first_catch(outer);
            }
        }
    }

    // Before WebAssembly 3.0: the handlers' bodies are in the block.

    pub(super) fn begin_try(&mut self, ty: BlockType<'m>) -> Result<(), Invalid> {
        if !self.takes_params(ty)? {
            self.open_dead(Opener::Try, ty);
            return Ok(());
        }
        self.open(Opener::Try, ty, false);
        let (handler, frame) = (self.new_handler(), self.frames.len() - 1);
        self.legacy_tries.push(LegacyTry { frame, handler, catch: NEVER, exception: NEVER });
        self.enter_handler(handler);
        Ok(())
    }

    /// `catch`, or `catch_all` without a tag.
    pub(super) fn begin_catch(&mut self, tag: Option<u32>) -> Result<(), Invalid> {
        let opener = self.frames.last().ok_or(Invalid)?.opener;
        ensure(matches!(opener, Opener::Try | Opener::Catch))?;
        let info = self.info;
        let types = match tag {
            Some(tag) => info.types[info.tags.get(tag as usize).ok_or(Invalid)?.index()].params(),
            None => &[],
        };
        self.takes_block()?;
        let top = self.frames.last_mut().ok_or(Invalid)?;
        top.opener = if tag.is_some() { Opener::Catch } else { Opener::CatchAll };
        top.unreachable = false;
        let frame = *top;
        self.forget_written(frame.written);
        if frame.dead {
            self.push_dead_values(types);
            return Ok(());
        }
        self.end_part(&frame);
        self.enter_handler(frame.outer_handler);
        let number = self.new_frame_number();
        self.frames.last_mut().expect("the try is open").number = number;
        let values = self.catch_values(&frame, types);
        let exception = self.new_variable(Class::I64, true);
        self.touch(self.tape.entries.len(), exception, true, 0);
        let label = self.add_label();
        self.bind_label(label);
        self.dead = false;
        types.iter().for_each(|ty| self.push_merge(Ty::of(ty)));
        self.all_flushed();
        let handler = self.legacy_tries.last().expect("the try is open").handler;
        let tag = tag.map(TagIndex);
        let info = CatchInfo { tag, label, values, exception: NO_HANDLER, next: NO_HANDLER, handler };
        let catch = self.add_catch(info);
        let legacy = self.legacy_tries.last_mut().expect("the try is open");
        (legacy.catch, legacy.exception) = (catch, exception);
        self.set_floor();
        Ok(())
    }

    pub(super) fn rethrow(&mut self, depth: u32) -> Result<(), Invalid> {
        let frame = self.frame_at(depth)?;
        ensure(matches!(frame.opener, Opener::Catch | Opener::CatchAll))?;
        if self.dead {
            self.die();
            return Ok(());
        }
        let target = self.target(depth);
        // In the order of their blocks.
        let place = self.legacy_tries.binary_search_by_key(&target, |legacy| legacy.frame);
        let LegacyTry { catch, exception, .. } = self.legacy_tries[place.expect("a block that can be reached")];
        self.tape.catches[catch as usize].exception = exception;
        self.throw_value(Ref::var(exception));
        Ok(())
    }

    /// The end of a `try` whose exceptions are thrown as if they came from inside of another block.
    pub(super) fn delegate(&mut self, depth: u32) -> Result<(), Invalid> {
        let frame = *self.frames.last().ok_or(Invalid)?;
        ensure(frame.opener == Opener::Try)?;
        // Counted from outside of the `try`.
        self.frame_at(depth.checked_add(1).ok_or(Invalid)?)?;
        if !frame.dead {
            let inside = self.frames[self.frames.len() - 1 - depth as usize].outer_handler;
            let handler = self.legacy_tries.last().expect("the try is open").handler;
            self.tape.handlers[handler as usize].outer = inside;
        }
        self.end()
    }

    /// Behind a block.
    #[inline(always)]
    pub(super) fn leave_handler(&mut self, frame: &Frame) {
        if matches!(frame.opener, Opener::Try | Opener::Catch | Opener::CatchAll) {
            self.legacy_tries.pop();
        }
        self.enter_handler(frame.outer_handler);
    }
}
