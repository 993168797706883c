;; Calls in place of the function: the frame goes, stack arguments end where the function's own do; references are tested by
;; the access that would trap.
(module
  (type $unary (func (param i32) (result i32)))
  (import "host" "other" (func $other (type $unary)))
  (table 2 funcref) (elem (i32.const 0) func $same)
  (func $same (type $unary) (return_call $same (i32.add (local.get 0) (i32.const 1))))
  (func $imported (type $unary) (return_call $other (local.get 0)))
  (func $indirect (type $unary) (return_call_indirect (type $unary) (i32.const 5) (local.get 0)))
  (func $by_reference (param (ref null $unary)) (result i32) (return_call_ref $unary (i32.const 5) (local.get 0)))
  (func $call_ref (param (ref null $unary)) (result i32) (call_ref $unary (i32.const 5) (local.get 0)))
  (func $non_null (param (ref null $unary)) (result (ref $unary)) (ref.as_non_null (local.get 0)))
  (func $more (param i32) (result i64)
    (return_call $many (i64.const 1) (i64.const 2) (i64.const 3) (i64.const 4) (i64.const 5) (i64.const 6) (i64.const 7)
      (i64.extend_i32_u (local.get 0))))
  (func $many (param i64 i64 i64 i64 i64 i64 i64 i64) (result i64)
    (return_call $fewer (local.get 7)))
  (func $fewer (param i64) (result i64) (local.get 0)))

;; function 1 $same:
;;     lea eax, [rdi+1]
;;     mov edi, eax
;;     jmp function 1

;; function 2 $imported:
;;     mov rax, [r14+0x30]
;;     cmp dword ptr [rax+0x1C], 2
;;     je .1
;;     mov r15, [rsp]
;;     mov r15, [r15]
;;     cmp r15, [rip+.2]
;;     jne .1
;;     mov r14, [rax+0x10]
;;     mov r15, [r14]
;;     jmp qword ptr [rax]
;; .1:
;;     jmp qword ptr [rax+8]
;; .2:
;;     0f 1f 84 00 53 4e 4c 50
;;     00 00 00 00 00 00 00 00

;; function 3 $indirect:
;;     mov rax, rdi
;;     mov edi, 5
;;     cmp rax, [r14+0x48]
;;     jae .1
;;     cmovae rax, [r14+0x28]
;;     shl rax, 3
;;     add rax, [r14+0x40]
;;     mov rax, [rax]
;;     cmp dword ptr [rax+0x18], 1
;;     jne .2
;;     cmp [rax+0x10], r14
;;     jne .3
;;     jmp qword ptr [rax]
;; .1:
;;     ud2 2
;; .2:
;;     ud2 4
;; .3:
;;     cmp dword ptr [rax+0x1C], 2
;;     je .4
;;     mov r15, [rsp]
;;     mov r15, [r15]
;;     cmp r15, [rip+.5]
;;     jne .4
;;     mov r14, [rax+0x10]
;;     mov r15, [r14]
;;     jmp qword ptr [rax]
;; .4:
;;     jmp qword ptr [rax+8]
;; .5:
;;     0f 1f 84 00 53 4e 4c 50
;;     00 00 00 00 00 00 00 00

;; function 4 $by_reference:
;;     mov rax, rdi
;;     mov edi, 5
;;     cmp dword ptr [rax+0x18], 0
;;     cmp [rax+0x10], r14
;;     jne .1
;;     jmp qword ptr [rax]
;; .1:
;;     cmp dword ptr [rax+0x1C], 2
;;     je .2
;;     mov r15, [rsp]
;;     mov r15, [r15]
;;     cmp r15, [rip+.3]
;;     jne .2
;;     mov r14, [rax+0x10]
;;     mov r15, [r14]
;;     jmp qword ptr [rax]
;; .2:
;;     jmp qword ptr [rax+8]
;; .3:
;;     0f 1f 84 00 53 4e 4c 50
;;     00 00 00 00 00 00 00 00

;; function 5 $call_ref:
;;     mov eax, [rsp-0x27800]
;;     sub rsp, 8
;;     mov rax, rdi
;;     mov edi, 5
;;     cmp [rax+0x10], r14
;;     jne .2
;;     call qword ptr [rax]
;; .1:
;;     add rsp, 8
;;     ret
;; .2:
;;     call qword ptr [rax+8]
;;     jmp short .1

;; function 6 $non_null:
;;     test rdi, rdi
;;     je .1
;;     mov rax, rdi
;;     ret
;; .1:
;;     ud2 9

;; function 7 $more:
;;     sub rsp, 8
;;     mov [rsp], rdi
;;     mov edi, 1
;;     mov esi, 2
;;     mov r8d, 3
;;     mov r9d, 4
;;     mov r10d, 5
;;     mov edx, 6
;;     mov ecx, 7
;;     mov r15, [rsp+8]
;;     vmovsd xmm15, [rsp]
;;     vmovsd [rsp+8], xmm15
;;     mov [rsp], r15
;;     jmp function 8

;; function 8 $many:
;;     mov rsi, [rsp+8]
;;     mov rdi, rsi
;;     mov r15, [rsp]
;;     mov [rsp+8], r15
;;     add rsp, 8
;;     jmp function 9

;; function 9 $fewer:
;;     mov rax, rdi
;;     ret
