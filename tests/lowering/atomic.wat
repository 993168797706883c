;; Atomic operators: aligned, with the lock prefix; a result that is dropped saves a loop or a register.
(module
  (memory 1 1 shared)
  (func $load (param i32) (result i32) (i32.atomic.load (local.get 0)))
  (func $load_byte (param i32) (result i64) (i64.atomic.load8_u offset=3 (local.get 0)))
  (func $load_at_odd_offset (param i32) (result i64) (i64.atomic.load16_u offset=3 (local.get 0)))
  (func $load_constant (result i32) (i32.atomic.load offset=4 (i32.const 8)))
  (func $never (result i32) (i32.atomic.load offset=1 (i32.const 8)))
  (func $store (param i32 i64) (i64.atomic.store offset=8 (local.get 0) (local.get 1)))
  (func $add (param i32 i32) (result i32) (i32.atomic.rmw.add (local.get 0) (local.get 1)))
  (func $add_without_result (param i32 i32) (drop (i32.atomic.rmw.add (local.get 0) (local.get 1))))
  (func $sub16 (param i32 i64) (result i64) (i64.atomic.rmw16.sub_u (local.get 0) (local.get 1)))
  (func $or (param i32 i32) (result i32) (i32.atomic.rmw.or (local.get 0) (local.get 1)))
  (func $or_without_result (param i32) (drop (i32.atomic.rmw8.or_u (local.get 0) (i32.const 4))))
  (func $xor_constant (param i32) (result i64) (i64.atomic.rmw32.xor_u (local.get 0) (i64.const 5)))
  (func $exchange (param i32 i32) (result i32) (i32.atomic.rmw8.xchg_u (local.get 0) (local.get 1)))
  (func $compare_exchange (param i32 i32 i32) (result i32)
    (i32.atomic.rmw.cmpxchg (local.get 0) (local.get 1) (local.get 2)))
  (func $fence (atomic.fence))
  (func $wait (param i32 i32 i64) (result i32) (memory.atomic.wait32 offset=4 (local.get 0) (local.get 1) (local.get 2)))
  (func $notify (param i32) (result i32) (memory.atomic.notify (local.get 0) (i32.const 1)))
  (func $size (result i32) (memory.size)))

;; function 0 $load:
;;     test dil, 3
;;     jne .1
;;     mov eax, [r15+rdi]
;;     ret
;; .1:
;;     ud2 10

;; function 1 $load_byte:
;;     movzx eax, byte ptr [r15+rdi+3]
;;     ret

;; function 2 $load_at_odd_offset:
;;     lea eax, [rdi+1]
;;     test al, 1
;;     jne .1
;;     movzx eax, word ptr [r15+rdi+3]
;;     ret
;; .1:
;;     ud2 10

;; function 3 $load_constant:
;;     mov eax, [r15+0xC]
;;     ret

;; function 4 $never:
;;     jmp .1
;;     mov eax, [r15+9]
;;     ret
;; .1:
;;     ud2 10

;; function 5 $store:
;;     mov rax, rsi
;;     test dil, 7
;;     jne .1
;;     xchg [r15+rdi+8], rax
;;     ret
;; .1:
;;     ud2 10

;; function 6 $add:
;;     mov eax, esi
;;     test dil, 3
;;     jne .1
;;     lock xadd [r15+rdi], eax
;;     ret
;; .1:
;;     ud2 10

;; function 7 $add_without_result:
;;     test dil, 3
;;     jne .1
;;     lock add [r15+rdi], esi
;;     ret
;; .1:
;;     ud2 10

;; function 8 $sub16:
;;     mov rax, rsi
;;     test dil, 1
;;     jne .1
;;     neg rax
;;     lock xadd [r15+rdi], ax
;;     movzx eax, ax
;;     ret
;; .1:
;;     ud2 10

;; function 9 $or:
;;     test dil, 3
;;     jne .2
;;     mov eax, [r15+rdi]
;; .1:
;;     mov ecx, eax
;;     or ecx, esi
;;     lock cmpxchg [r15+rdi], ecx
;;     jne short .1
;;     ret
;; .2:
;;     ud2 10

;; function 10 $or_without_result:
;;     mov eax, 4
;;     lock or [r15+rdi], al
;;     ret

;; function 11 $xor_constant:
;;     test dil, 3
;;     jne .2
;;     mov eax, [r15+rdi]
;; .1:
;;     mov rcx, rax
;;     xor rcx, 5
;;     lock cmpxchg [r15+rdi], ecx
;;     jne short .1
;;     ret
;; .2:
;;     ud2 10

;; function 12 $exchange:
;;     mov eax, esi
;;     xchg [r15+rdi], al
;;     movzx eax, al
;;     ret

;; function 13 $compare_exchange:
;;     mov eax, esi
;;     test dil, 3
;;     jne .1
;;     lock cmpxchg [r15+rdi], r8d
;;     mov eax, eax
;;     ret
;; .1:
;;     ud2 10

;; function 14 $fence:
;;     lock or dword ptr [rsp], 0
;;     ret

;; function 15 $wait:
;;     mov eax, [rsp-0x27800]
;;     sub rsp, 0x18
;;     mov eax, 4
;;     add rax, rdi
;;     mov r9, r8
;;     mov r8, rsi
;;     mov rsi, rax
;;     xor edi, edi
;;     mov rax, [r14+0x10]
;;     call qword ptr [rax+0x58]
;;     add rsp, 0x18
;;     ret

;; function 16 $notify:
;;     mov eax, [rsp-0x27800]
;;     sub rsp, 8
;;     mov eax, 0
;;     add rax, rdi
;;     xor edi, edi
;;     mov rsi, rax
;;     mov r8d, 1
;;     mov rax, [r14+0x10]
;;     call qword ptr [rax+0x50]
;;     add rsp, 8
;;     ret

;; function 17 $size:
;;     mov rax, [r14+0x30]
;;     mov rcx, [rax+8]
;;     shr rcx, 0x10
;;     mov eax, ecx
;;     ret
