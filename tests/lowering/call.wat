;; Arguments in registers and behind them on the stack (popped by the callee), results likewise; tables, imports.
(module
  (type $binary (func (param i32 i32) (result i32)))
  (import "host" "log" (func $log (param i32)))
  (table $t 4 funcref) (table $x 4 externref)
  (elem (table $t) (i32.const 0) func $direct)
  (func $direct (type $binary) (call $leaf (local.get 1) (local.get 0)))
  (func $leaf (type $binary) (i32.sub (local.get 0) (local.get 1)))
  (func $kept_over_a_call (param i32 i32) (result i32)
    (i32.add (local.get 0) (call $leaf (local.get 0) (local.get 1))))
  (func $fibonacci (param i32) (result i32)
    (if (result i32) (i32.lt_u (local.get 0) (i32.const 2))
      (then (local.get 0))
      (else (i32.add (call $fibonacci (i32.sub (local.get 0) (i32.const 1)))
                     (call $fibonacci (i32.sub (local.get 0) (i32.const 2)))))))
  (func $imported (call $log (i32.const 5)))
  (func $indirect (param i32 i32 i32) (result i32)
    (call_indirect $t (type $binary) (local.get 0) (local.get 1) (local.get 2)))
  (func $many_parameters (param i32 i64 i32 i64 i32 i64 i32 i64 i64 i32) (result i64)
    (i64.add (local.get 8) (i64.extend_i32_u (local.get 9))))
  (func $many_arguments (result i64)
    (call $many_parameters (i32.const 0) (i64.const 1) (i32.const 2) (i64.const 3) (i32.const 4) (i64.const 5)
      (i32.const 6) (i64.const 7) (i64.const 8) (i32.const 9)))
  (func $five_results (param f64) (result i32 i64 f64 i32 i64)
    (i32.const 0) (i64.const 1) (local.get 0) (i32.const 2) (i64.const 3))
  (func $takes_results (result i64) (local i64)
    (call $five_results (f64.const 1.5))
    (local.set 0) (drop) (drop) (drop) (drop) (local.get 0))
  (func $table_get (param i32) (result externref) (table.get $x (local.get 0)))
  (func $table_set (param i32 externref) (table.set $x (local.get 0) (local.get 1)))
  (func $is_null (param externref) (result i32) (ref.is_null (local.get 0)))
  (func $reference (result funcref) (ref.func $direct))
)

;; function 1 $direct:
;;     mov eax, [rsp-0x27800]
;;     sub rsp, 0x10
;;     xchg rsi, rdi
;;     call function 2
;;     add rsp, 0x10
;;     ret

;; function 2 $leaf:
;;     mov eax, edi
;;     sub eax, esi
;;     ret

;; function 3 $kept_over_a_call:
;;     mov eax, [rsp-0x27800]
;;     sub rsp, 0x10
;;     mov [rsp], rdi
;;     mov edi, [rsp]
;;     call function 2
;;     mov ecx, [rsp]
;;     add eax, ecx
;;     add rsp, 0x10
;;     ret

;; function 4 $fibonacci:
;;     mov eax, [rsp-0x27800]
;;     push rbx
;;     push rbp
;;     sub rsp, 0x10
;;     mov ebx, edi
;;     cmp ebx, 2
;;     jae short .2
;;     mov ebp, ebx
;;     jmp .3
;; .2:
;;     lea edi, [rbx-1]
;;     call function 4
;;     lea edi, [rbx-2]
;;     mov [rsp], rax
;;     call function 4
;;     mov ebp, [rsp]
;;     add ebp, eax
;; .3:
;;     mov eax, ebp
;;     add rsp, 0x10
;;     pop rbp
;;     pop rbx
;;     ret

;; function 5 $imported:
;;     mov eax, [rsp-0x27800]
;;     push r14
;;     mov edi, 5
;;     mov rax, [r14+0x30]
;;     call qword ptr [rax+0x20]
;;     mov r14, [rsp]
;;     pop r14
;;     ret

;; function 6 $indirect:
;;     mov eax, [rsp-0x27800]
;;     sub rsp, 0x18
;;     mov rax, r8
;;     cmp rax, [r14+0x48]
;;     jae .2
;;     cmovae rax, [r14+0x28]
;;     shl rax, 3
;;     add rax, [r14+0x40]
;;     mov rax, [rax]
;;     cmp dword ptr [rax+0x18], 1
;;     jne .3
;;     cmp [rax+0x10], r14
;;     jne .4
;;     call qword ptr [rax]
;; .1:
;;     add rsp, 0x18
;;     ret
;; .2:
;;     ud2 2
;; .3:
;;     ud2 4
;; .4:
;;     call qword ptr [rax+8]
;;     jmp short .1

;; function 7 $many_parameters:
;;     mov rsi, [rsp+0x10]
;;     mov rdi, [rsp+0x18]
;;     lea rax, [rsi+rdi]
;;     ret 0x18

;; function 8 $many_arguments:
;;     mov eax, [rsp-0x27800]
;;     sub rsp, 0x18
;;     mov qword ptr [rsp], 7
;;     mov qword ptr [rsp+8], 8
;;     mov qword ptr [rsp+0x10], 9
;;     xor edi, edi
;;     mov esi, 1
;;     mov r8d, 2
;;     mov r9d, 3
;;     mov r10d, 4
;;     mov edx, 5
;;     mov ecx, 6
;;     call function 7
;;     sub rsp, 0x18
;;     add rsp, 0x18
;;     ret

;; function 9 $five_results:
;;     vmovaps xmm8, xmm0
;;     mov qword ptr [rsp+8], 3
;;     xor eax, eax
;;     mov ecx, 1
;;     vmovaps xmm0, xmm8
;;     mov edx, 2
;;     ret

;; function 10 $takes_results:
;;     mov eax, [rsp-0x27800]
;;     sub rsp, 0x38
;;     vmovsd xmm0, [rip+.2]
;;     call function 9
;;     vmovsd xmm15, [rsp]
;;     vmovsd [rsp+0x30], xmm15
;;     mov rsi, [rsp+0x30]
;;     mov rax, rsi
;;     add rsp, 0x38
;;     ret
;; .2:
;;     00 00 00 00 00 00 f8 3f
;;     00 00 00 00 00 00 00 00

;; function 11 $table_get:
;;     cmp rdi, [r14+0x58]
;;     jae .1
;;     mov rax, [r14+0x50]
;;     lea rax, [rax+rdi*8]
;;     cmovae rax, [r14+0x50]
;;     mov rcx, [rax]
;;     mov rax, rcx
;;     ret
;; .1:
;;     ud2 2

;; function 12 $table_set:
;;     cmp rdi, [r14+0x58]
;;     jae .1
;;     mov rax, [r14+0x50]
;;     lea rax, [rax+rdi*8]
;;     cmovae rax, [r14+0x50]
;;     mov [rax], rsi
;;     ret
;; .1:
;;     ud2 2

;; function 13 $is_null:
;;     xor eax, eax
;;     test rdi, rdi
;;     sete al
;;     ret

;; function 14 $reference:
;;     mov rax, [r14+0x18]
;;     ret
