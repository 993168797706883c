;; Memory 0 with 64-bit indexes.
(module
  (memory i64 1)
  (func $load (param i64) (result i64) (i64.load offset=8 (local.get 0)))
  (func $add (param i64 i32) (i32.store (local.get 0) (i32.add (i32.load (local.get 0)) (local.get 1))))
  (func $sum (param i64 i64) (result i32) (i32.load8_s (i64.add (local.get 0) (local.get 1))))
  (func $size_and_grow (param i64) (result i64 i64) (memory.size) (memory.grow (local.get 0))))

;; function 0 $load:
;;     mov rax, rdi
;;     add rax, 0x10
;;     jb .1
;;     cmp rax, [r14+0x38]
;;     ja .1
;;     mov rax, [r15+rax-8]
;;     ret
;; .1:
;;     ud2 1

;; function 1 $add:
;;     mov rax, rdi
;;     add rax, 4
;;     jb .1
;;     cmp rax, [r14+0x38]
;;     ja .1
;;     mov eax, [r15+rax-4]
;;     add eax, esi
;;     mov rcx, rdi
;;     add rcx, 4
;;     jb .2
;;     cmp rcx, [r14+0x38]
;;     ja .2
;;     mov [r15+rcx-4], eax
;;     ret
;; .1:
;;     ud2 1
;; .2:
;;     ud2 1

;; function 2 $sum:
;;     lea rax, [rdi+rsi]
;;     add rax, 1
;;     jb .1
;;     cmp rax, [r14+0x38]
;;     ja .1
;;     movsx eax, byte ptr [r15+rax-1]
;;     ret
;; .1:
;;     ud2 1

;; function 3 $size_and_grow:
;;     mov eax, [rsp-0x27800]
;;     sub rsp, 0x18
;;     mov rax, [r14+0x38]
;;     shr rax, 0x10
;;     mov [rsp+8], rax
;;     mov rsi, rdi
;;     xor edi, edi
;;     mov rax, [r14+0x10]
;;     call qword ptr [rax]
;;     mov r15, [r14+0x30]
;;     mov rcx, rax
;;     mov rax, [rsp+8]
;;     add rsp, 0x18
;;     ret
