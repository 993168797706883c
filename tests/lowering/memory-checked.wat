;; memory: checked
;; Each access compares with the length, which is read again after everything that may change it.
(module
  (memory 1)
  (func $load (param i32) (result i32) (i32.load offset=16 (local.get 0)))
  (func $load_small (param i32) (result i32 i64 i64)
    (i32.load8_u (local.get 0))
    (i64.load16_s (local.get 0))
    (i64.load32_s offset=4 (local.get 0)))
  (func $load_float (param i32) (result f32 f64) (f32.load (local.get 0)) (f64.load offset=8 (local.get 0)))
  (func $load_at_a_sum (param i32 i32) (result i32)
    (i32.load offset=4 (i32.add (local.get 0) (local.get 1))))
  (func $load_at_a_constant (result i64) (i64.load offset=8 (i32.const 1024)))
  (func $load_operand (param i32 i32) (result i32) (i32.add (local.get 0) (i32.load (local.get 1))))
  (func $compare_operand (param i32 i32) (result i32)
    (block (result i32) (br_if 0 (i32.const 1) (i32.eq (local.get 0) (i32.load (local.get 1)))) (drop) (i32.const 2)))
  (func $offset_2_31 (param i32) (result i32) (i32.load offset=0x80000000 (local.get 0)))
  (func $offset_2_31_less_1 (param i32) (result i32) (i32.load offset=0x7fffffff (local.get 0)))
  (func $offset_and_constant_beyond_2_31 (result i32) (i32.load offset=0x7fffffff (i32.const -1)))
  (func $store (param i32 i64) (i64.store offset=8 (local.get 0) (local.get 1)))
  (func $store_small (param i32 i32) (i32.store8 (local.get 0) (local.get 1)) (i32.store16 offset=2 (local.get 0) (local.get 1)))
  (func $store_constants (param i32)
    (i32.store8 (local.get 0) (i32.const 255))
    (i32.store (local.get 0) (i32.const 7))
    (i64.store (local.get 0) (i64.const -1))
    (i64.store (local.get 0) (i64.const 0x1122334455667788))
    (f64.store (local.get 0) (f64.const 0)))
  (func $add_to_memory (param i32 i32)
    (i32.store (local.get 0) (i32.add (i32.load (local.get 0)) (local.get 1))))
  (func $size_and_grow (param i32) (result i32 i32) (memory.size) (memory.grow (local.get 0)))
  (func $fill (param i32 i32 i32) (memory.fill (local.get 0) (local.get 1) (local.get 2)))
)

;; function 0 $load:
;;     lea rax, [rdi+0x14]
;;     cmp rax, [r14+0x38]
;;     ja .1
;;     mov ecx, [r15+rax-4]
;;     mov eax, ecx
;;     ret
;; .1:
;;     ud2 1

;; function 1 $load_small:
;;     lea rax, [rdi+1]
;;     cmp rax, [r14+0x38]
;;     ja .1
;;     movzx ecx, byte ptr [r15+rax-1]
;;     lea rax, [rdi+2]
;;     cmp rax, [r14+0x38]
;;     ja .2
;;     movsx rdx, word ptr [r15+rax-2]
;;     lea rax, [rdi+8]
;;     cmp rax, [r14+0x38]
;;     ja .3
;;     movsxd rsi, [r15+rax-4]
;;     mov eax, ecx
;;     mov rcx, rdx
;;     mov rdx, rsi
;;     ret
;; .1:
;;     ud2 1
;; .2:
;;     ud2 1
;; .3:
;;     ud2 1

;; function 2 $load_float:
;;     lea rax, [rdi+4]
;;     cmp rax, [r14+0x38]
;;     ja .1
;;     vmovss xmm0, [r15+rax-4]
;;     lea rax, [rdi+0x10]
;;     cmp rax, [r14+0x38]
;;     ja .2
;;     vmovsd xmm1, [r15+rax-8]
;;     ret
;; .1:
;;     ud2 1
;; .2:
;;     ud2 1

;; function 3 $load_at_a_sum:
;;     lea eax, [rdi+rsi]
;;     lea rcx, [rax+8]
;;     cmp rcx, [r14+0x38]
;;     ja .1
;;     mov edx, [r15+rcx-4]
;;     mov eax, edx
;;     ret
;; .1:
;;     ud2 1

;; function 4 $load_at_a_constant:
;;     mov eax, 0x410
;;     cmp rax, [r14+0x38]
;;     ja .1
;;     mov rcx, [r15+rax-8]
;;     mov rax, rcx
;;     ret
;; .1:
;;     ud2 1

;; function 5 $load_operand:
;;     lea rax, [rsi+4]
;;     cmp rax, [r14+0x38]
;;     ja .1
;;     mov ecx, [r15+rax-4]
;;     add ecx, edi
;;     mov eax, ecx
;;     ret
;; .1:
;;     ud2 1

;; function 6 $compare_operand:
;;     lea rax, [rsi+4]
;;     cmp rax, [r14+0x38]
;;     ja .2
;;     mov ecx, [r15+rax-4]
;;     mov r8d, 1
;;     cmp edi, ecx
;;     je short .1
;;     mov r8d, 2
;; .1:
;;     mov eax, r8d
;;     ret
;; .2:
;;     ud2 1

;; function 7 $offset_2_31:
;;     mov eax, 0x80000004
;;     add rax, rdi
;;     cmp rax, [r14+0x38]
;;     ja .1
;;     mov ecx, [r15+rax-4]
;;     mov eax, ecx
;;     ret
;; .1:
;;     ud2 1

;; function 8 $offset_2_31_less_1:
;;     mov eax, 0x80000003
;;     add rax, rdi
;;     cmp rax, [r14+0x38]
;;     ja .1
;;     mov ecx, [r15+rax-4]
;;     mov eax, ecx
;;     ret
;; .1:
;;     ud2 1

;; function 9 $offset_and_constant_beyond_2_31:
;;     mov rax, 0x180000002
;;     cmp rax, [r14+0x38]
;;     ja .1
;;     mov ecx, [r15+rax-4]
;;     mov eax, ecx
;;     ret
;; .1:
;;     ud2 1

;; function 10 $store:
;;     lea rax, [rdi+0x10]
;;     cmp rax, [r14+0x38]
;;     ja .1
;;     mov [r15+rax-8], rsi
;;     ret
;; .1:
;;     ud2 1

;; function 11 $store_small:
;;     lea rax, [rdi+1]
;;     cmp rax, [r14+0x38]
;;     ja .1
;;     mov [r15+rax-1], sil
;;     lea rax, [rdi+4]
;;     cmp rax, [r14+0x38]
;;     ja .2
;;     mov [r15+rax-2], si
;;     ret
;; .1:
;;     ud2 1
;; .2:
;;     ud2 1

;; function 12 $store_constants:
;;     lea rax, [rdi+1]
;;     cmp rax, [r14+0x38]
;;     ja .1
;;     mov byte ptr [r15+rax-1], 0xFF
;;     lea rax, [rdi+4]
;;     cmp rax, [r14+0x38]
;;     ja .2
;;     mov dword ptr [r15+rax-4], 7
;;     lea rax, [rdi+8]
;;     cmp rax, [r14+0x38]
;;     ja .3
;;     mov qword ptr [r15+rax-8], 0xFFFFFFFFFFFFFFFF
;;     mov rax, 0x1122334455667788
;;     lea rcx, [rdi+8]
;;     cmp rcx, [r14+0x38]
;;     ja .4
;;     mov [r15+rcx-8], rax
;;     vxorps xmm0, xmm0, xmm0
;;     lea rax, [rdi+8]
;;     cmp rax, [r14+0x38]
;;     ja .5
;;     vmovsd [r15+rax-8], xmm0
;;     ret
;; .1:
;;     ud2 1
;; .2:
;;     ud2 1
;; .3:
;;     ud2 1
;; .4:
;;     ud2 1
;; .5:
;;     ud2 1

;; function 13 $add_to_memory:
;;     lea rax, [rdi+4]
;;     cmp rax, [r14+0x38]
;;     ja .1
;;     mov ecx, [r15+rax-4]
;;     add ecx, esi
;;     lea rax, [rdi+4]
;;     cmp rax, [r14+0x38]
;;     ja .2
;;     mov [r15+rax-4], ecx
;;     ret
;; .1:
;;     ud2 1
;; .2:
;;     ud2 1

;; function 14 $size_and_grow:
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
;;     mov ecx, eax
;;     mov eax, [rsp+8]
;;     add rsp, 0x18
;;     ret

;; function 15 $fill:
;;     mov eax, [rsp-0x27800]
;;     sub rsp, 0x18
;;     mov r9, r8
;;     mov r8, rsi
;;     mov rsi, rdi
;;     xor edi, edi
;;     mov rax, [r14+0x10]
;;     call qword ptr [rax+0x10]
;;     mov r15, [r14+0x30]
;;     add rsp, 0x18
;;     ret
