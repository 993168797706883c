;; signals: off
;; What a fault would tell is compared: the stack before a frame is made, divisors, null references; traps are calls.
(module
  (type $unary (func (param i32) (result i32)))
  (memory 1)
  (table 4 funcref)
  (func $leaf (param i32 i32) (result i32)
    (i32.div_s (local.get 0) (local.get 1)))
  (func $unsigned (param i64 i64) (result i64)
    (i64.rem_u (local.get 0) (local.get 1)))
  (func $indirect (param i32) (result i32)
    (call_indirect (type $unary) (local.get 0) (local.get 0)))
  (func $load (param i32) (result i32)
    (i32.load offset=8 (local.get 0)))
  (func $never
    unreachable)
)

;; function 0 $leaf:
;;     mov eax, edi
;;     test esi, esi
;;     je .2
;;     cmp esi, 0xFFFFFFFF
;;     jne short .1
;;     cmp eax, 1
;;     jo .3
;; .1:
;;     cdq
;;     idiv esi
;;     ret
;; .2:
;;     mov edi, 6
;;     mov rax, [r14+0x10]
;;     call qword ptr [rax+0x68]
;; .3:
;;     mov edi, 5
;;     mov rax, [r14+0x10]
;;     call qword ptr [rax+0x68]

;; function 1 $unsigned:
;;     mov rax, rdi
;;     test rsi, rsi
;;     je .2
;;     mov rdx, rax
;;     or rdx, rsi
;;     shr rdx, 0x20
;;     je .3
;;     xor edx, edx
;;     div rsi
;; .1:
;;     mov rax, rdx
;;     ret
;; .2:
;;     mov edi, 6
;;     mov rax, [r14+0x10]
;;     call qword ptr [rax+0x68]
;; .3:
;;     div esi
;;     jmp short .1

;; function 2 $indirect:
;;     mov rax, [r14+8]
;;     mov rax, [rax+0x18]
;;     add rax, 8
;;     cmp rsp, rax
;;     jb .2
;;     sub rsp, 8
;;     mov rax, rdi
;;     cmp rax, [r14+0x48]
;;     jae .3
;;     cmovae rax, [r14+0x28]
;;     shl rax, 3
;;     add rax, [r14+0x40]
;;     mov rax, [rax]
;;     test rax, rax
;;     je .5
;;     cmp dword ptr [rax+0x18], 1
;;     jne .4
;;     cmp [rax+0x10], r14
;;     jne .6
;;     call qword ptr [rax]
;; .1:
;;     mov r15, [r14+0x30]
;;     add rsp, 8
;;     ret
;; .2:
;;     mov edi, 8
;;     mov rax, [r14+0x10]
;;     jmp qword ptr [rax+0x68]
;; .3:
;;     mov edi, 2
;;     mov rax, [r14+0x10]
;;     call qword ptr [rax+0x68]
;; .4:
;;     mov edi, 4
;;     mov rax, [r14+0x10]
;;     call qword ptr [rax+0x68]
;; .5:
;;     mov edi, 3
;;     mov rax, [r14+0x10]
;;     call qword ptr [rax+0x68]
;; .6:
;;     call qword ptr [rax+8]
;;     jmp short .1

;; function 3 $load:
;;     lea rax, [rdi+0xC]
;;     cmp rax, [r14+0x38]
;;     ja .1
;;     mov ecx, [r15+rax-4]
;;     mov eax, ecx
;;     ret
;; .1:
;;     mov edi, 1
;;     mov rax, [r14+0x10]
;;     call qword ptr [rax+0x68]

;; function 4 $never:
;;     mov edi, 0
;;     mov rax, [r14+0x10]
;;     call qword ptr [rax+0x68]
