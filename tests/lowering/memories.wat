;; Several memories: bases of those that are not memory 0 come from the context, once per stretch of code without labels and
;; calls. Indexes of 64 bits: the sum must not wrap.
(module
  (import "" "" (memory $imported 1))
  (memory $own 1)
  (memory $wide i64 1)
  (memory $bytes 100 (pagesize 1))
  (func $load_imported (param i32) (result i32) (i32.load $imported (local.get 0)))
  (func $load (param i32) (result i32) (i32.load $own offset=8 (local.get 0)))
  (func $move (param i32)
    (i64.store $own (local.get 0) (i64.load $own offset=8 (local.get 0)))
    (i64.store $own offset=8 (local.get 0) (i64.const 0)))
  (func $far_offset (param i32) (result i32) (i32.load $own offset=0x80000000 (local.get 0)))
  (func $constant (result i32) (i32.load $own offset=8 (i32.const 1024)))
  (func $load64 (param i64) (result i32) (i32.load $wide offset=8 (local.get 0)))
  (func $store64 (param i64 f64) (f64.store $wide (local.get 0) (local.get 1)))
  (func $far_offset64 (param i64) (result i32) (i32.load $wide offset=0x100000000 (local.get 0)))
  (func $constant64 (result i32) (i32.load $wide offset=0x100000000 (i64.const 16)))
  (func $never64 (param i64) (result i32) (i32.load $wide offset=0xffffffffffffffff (local.get 0)))
  (func $load_of_bytes (param i32) (result i32) (i32.load8_u $bytes (local.get 0)))
  (func $sizes (result i32 i64 i32) (memory.size $own) (memory.size $wide) (memory.size $bytes)))

;; function 0 $load_imported:
;;     mov eax, [r15+rdi]
;;     ret

;; function 1 $load:
;;     mov rax, [r14+0x40]
;;     mov ecx, [rax+rdi+8]
;;     mov eax, ecx
;;     ret

;; function 2 $move:
;;     mov rax, [r14+0x40]
;;     mov rcx, [rax+rdi+8]
;;     mov [rax+rdi], rcx
;;     mov qword ptr [rax+rdi+8], 0
;;     ret

;; function 3 $far_offset:
;;     mov rax, [r14+0x40]
;;     mov ecx, 0x80000000
;;     add rcx, rdi
;;     mov edx, [rax+rcx]
;;     mov eax, edx
;;     ret

;; function 4 $constant:
;;     mov rax, [r14+0x40]
;;     mov ecx, [rax+0x408]
;;     mov eax, ecx
;;     ret

;; function 5 $load64:
;;     mov rax, rdi
;;     add rax, 0xC
;;     jb .1
;;     cmp rax, [r14+0x58]
;;     ja .1
;;     add rax, [r14+0x50]
;;     mov eax, [rax-4]
;;     ret
;; .1:
;;     ud2 1

;; function 6 $store64:
;;     vmovaps xmm8, xmm0
;;     mov rax, rdi
;;     add rax, 8
;;     jb .1
;;     cmp rax, [r14+0x58]
;;     ja .1
;;     add rax, [r14+0x50]
;;     vmovsd [rax-8], xmm8
;;     ret
;; .1:
;;     ud2 1

;; function 7 $far_offset64:
;;     mov rax, 0x100000004
;;     add rax, rdi
;;     jb .1
;;     cmp rax, [r14+0x58]
;;     ja .1
;;     add rax, [r14+0x50]
;;     mov eax, [rax-4]
;;     ret
;; .1:
;;     ud2 1

;; function 8 $constant64:
;;     mov rax, 0x100000014
;;     cmp rax, [r14+0x58]
;;     ja .1
;;     add rax, [r14+0x50]
;;     mov eax, [rax-4]
;;     ret
;; .1:
;;     ud2 1

;; function 9 $never64:
;;     mov rax, 0xFFFFFFFFFFFFFFFF
;;     cmp rax, [r14+0x58]
;;     ja .1
;;     add rax, [r14+0x50]
;;     mov eax, [rax-4]
;;     ret
;; .1:
;;     ud2 1

;; function 10 $load_of_bytes:
;;     lea rax, [rdi+1]
;;     cmp rax, [r14+0x68]
;;     ja .1
;;     add rax, [r14+0x60]
;;     movzx eax, byte ptr [rax-1]
;;     ret
;; .1:
;;     ud2 1

;; function 11 $sizes:
;;     mov rax, [r14+0x48]
;;     shr rax, 0x10
;;     mov rcx, [r14+0x58]
;;     shr rcx, 0x10
;;     mov rdx, [r14+0x68]
;;     ret
