;; Guarded memory: one instruction per access; offsets from 2^31 on are added in a register.
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
;;     mov eax, [r15+rdi+0x10]
;;     ret

;; function 1 $load_small:
;;     movzx eax, byte ptr [r15+rdi]
;;     movsx rcx, word ptr [r15+rdi]
;;     movsxd rdx, [r15+rdi+4]
;;     ret

;; function 2 $load_float:
;;     vmovss xmm0, [r15+rdi]
;;     vmovsd xmm1, [r15+rdi+8]
;;     ret

;; function 3 $load_at_a_sum:
;;     lea eax, [rdi+rsi]
;;     mov ecx, [r15+rax+4]
;;     mov eax, ecx
;;     ret

;; function 4 $load_at_a_constant:
;;     mov rax, [r15+0x408]
;;     ret

;; function 5 $load_operand:
;;     mov eax, edi
;;     add eax, [r15+rsi]
;;     ret

;; function 6 $compare_operand:
;;     mov eax, [r15+rsi]
;;     mov r8d, 1
;;     cmp edi, eax
;;     je short .1
;;     mov r8d, 2
;; .1:
;;     mov eax, r8d
;;     ret

;; function 7 $offset_2_31:
;;     mov eax, 0x80000000
;;     add rax, rdi
;;     mov ecx, [r15+rax]
;;     mov eax, ecx
;;     ret

;; function 8 $offset_2_31_less_1:
;;     mov eax, [r15+rdi+0x7FFFFFFF]
;;     ret

;; function 9 $offset_and_constant_beyond_2_31:
;;     mov rax, 0x17FFFFFFE
;;     mov ecx, [r15+rax]
;;     mov eax, ecx
;;     ret

;; function 10 $store:
;;     mov [r15+rdi+8], rsi
;;     ret

;; function 11 $store_small:
;;     mov [r15+rdi], sil
;;     mov [r15+rdi+2], si
;;     ret

;; function 12 $store_constants:
;;     mov byte ptr [r15+rdi], 0xFF
;;     mov dword ptr [r15+rdi], 7
;;     mov qword ptr [r15+rdi], 0xFFFFFFFFFFFFFFFF
;;     mov rax, 0x1122334455667788
;;     mov [r15+rdi], rax
;;     vxorps xmm0, xmm0, xmm0
;;     vmovsd [r15+rdi], xmm0
;;     ret

;; function 13 $add_to_memory:
;;     mov eax, esi
;;     add eax, [r15+rdi]
;;     mov [r15+rdi], eax
;;     ret

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
;;     add rsp, 0x18
;;     ret
