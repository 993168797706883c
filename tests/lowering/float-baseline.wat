;; cpu: baseline
;; SSE.
(module
  (memory 1)
  (func $add (param f64 f64) (result f64) (f64.add (local.get 0) (local.get 1)))
  (func $sum_of_products (param f32 f32 f32) (result f32)
    (f32.add (f32.mul (local.get 0) (local.get 1)) (local.get 2)))
  (func $constant (param f64) (result f64) (f64.mul (local.get 0) (f64.const 3.5)))
  (func $load_operand (param f64 i32) (result f64) (f64.div (local.get 0) (f64.load (local.get 1))))
  (func $min (param f32 f32) (result f32) (f32.min (local.get 0) (local.get 1)))
  (func $max (param f64 f64) (result f64) (f64.max (local.get 0) (local.get 1)))
  (func $sign (param f64 f64) (result f64 f64 f64)
    (f64.neg (local.get 0))
    (f64.abs (local.get 0))
    (f64.copysign (local.get 0) (local.get 1)))
  (func $round (param f64) (result f64 f64) (f64.floor (local.get 0)) (f64.nearest (local.get 0)))
  (func $sqrt (param f32) (result f32) (f32.sqrt (local.get 0)))
  (func $trunc (param f64) (result i32) (i32.trunc_f64_s (local.get 0)))
  (func $trunc_u32 (param f32) (result i32) (i32.trunc_f32_u (local.get 0)))
  (func $trunc_u64 (param f64) (result i64) (i64.trunc_f64_u (local.get 0)))
  (func $trunc_sat (param f32) (result i64) (i64.trunc_sat_f32_s (local.get 0)))
  (func $trunc_sat_u32 (param f64) (result i32) (i32.trunc_sat_f64_u (local.get 0)))
  (func $convert (param i32 i64) (result f64 f32)
    (f64.convert_i32_s (local.get 0))
    (f32.convert_i64_s (local.get 1)))
  (func $convert_u32 (param i32) (result f64) (f64.convert_i32_u (local.get 0)))
  (func $convert_u64 (param i64) (result f64) (f64.convert_i64_u (local.get 0)))
  (func $promote_and_demote (param f32 f64) (result f64 f32)
    (f64.promote_f32 (local.get 0))
    (f32.demote_f64 (local.get 1)))
  (func $reinterpret (param f64 i32) (result i64 f32)
    (i64.reinterpret_f64 (local.get 0))
    (f32.reinterpret_i32 (local.get 1)))
)

;; function 0 $add:
;;     movaps xmm8, xmm0
;;     movaps xmm9, xmm1
;;     movaps xmm0, xmm8
;;     addsd xmm0, xmm9
;;     ret

;; function 1 $sum_of_products:
;;     movaps xmm8, xmm0
;;     movaps xmm9, xmm1
;;     movaps xmm10, xmm2
;;     movaps xmm0, xmm8
;;     mulss xmm0, xmm9
;;     movaps xmm1, xmm0
;;     addss xmm1, xmm10
;;     movaps xmm0, xmm1
;;     ret

;; function 2 $constant:
;;     movaps xmm8, xmm0
;;     movaps xmm0, xmm8
;;     mulsd xmm0, [rip+.1]
;;     ret
;; .1:
;;     00 00 00 00 00 00 0c 40
;;     00 00 00 00 00 00 00 00

;; function 3 $load_operand:
;;     movaps xmm8, xmm0
;;     movaps xmm0, xmm8
;;     divsd xmm0, [r15+rdi]
;;     ret

;; function 4 $min:
;;     movaps xmm8, xmm0
;;     movaps xmm9, xmm1
;;     movaps xmm0, xmm8
;;     ucomiss xmm0, xmm9
;;     je .2
;;     minss xmm0, xmm9
;; .1:
;;     ret
;; .2:
;;     jp short .3
;;     orps xmm0, xmm9
;;     jmp short .1
;; .3:
;;     addss xmm0, xmm9
;;     jmp short .1

;; function 5 $max:
;;     movaps xmm8, xmm0
;;     movaps xmm9, xmm1
;;     movaps xmm0, xmm8
;;     ucomisd xmm0, xmm9
;;     je .2
;;     maxsd xmm0, xmm9
;; .1:
;;     ret
;; .2:
;;     jp short .3
;;     andps xmm0, xmm9
;;     jmp short .1
;; .3:
;;     addsd xmm0, xmm9
;;     jmp short .1

;; function 6 $sign:
;;     movaps xmm8, xmm0
;;     movaps xmm9, xmm1
;;     movaps xmm0, xmm8
;;     xorps xmm0, [rip+.1]
;;     movaps xmm1, xmm8
;;     andps xmm1, [rip+.2]
;;     movaps xmm15, xmm9
;;     andps xmm15, [rip+.1]
;;     movaps xmm2, xmm8
;;     andps xmm2, [rip+.2]
;;     orps xmm2, xmm15
;;     ret
;; .1:
;;     00 00 00 00 00 00 00 80
;;     00 00 00 00 00 00 00 80
;; .2:
;;     ff ff ff ff ff ff ff 7f
;;     ff ff ff ff ff ff ff 7f

;; function 7 $round:
;;     movaps xmm8, xmm0
;;     xorps xmm0, xmm0
;;     roundsd xmm0, xmm8, 9
;;     xorps xmm1, xmm1
;;     roundsd xmm1, xmm8, 8
;;     ret

;; function 8 $sqrt:
;;     movaps xmm8, xmm0
;;     xorps xmm0, xmm0
;;     sqrtss xmm0, xmm8
;;     ret

;; function 9 $trunc:
;;     movaps xmm8, xmm0
;;     cvttsd2si eax, xmm8
;;     cmp eax, 1
;;     jo .2
;; .1:
;;     ret
;; .2:
;;     ucomisd xmm8, xmm8
;;     jp .3
;;     ucomisd xmm8, [rip+.5]
;;     jbe .4
;;     xorps xmm15, xmm15
;;     ucomisd xmm8, xmm15
;;     jae .4
;;     jmp short .1
;; .3:
;;     ud2 7
;; .4:
;;     ud2 5
;; .5:
;;     00 00 20 00 00 00 e0 c1
;;     00 00 00 00 00 00 00 00

;; function 10 $trunc_u32:
;;     movaps xmm8, xmm0
;;     cvttss2si rax, xmm8
;;     mov rcx, rax
;;     shr rcx, 0x20
;;     jne .1
;;     ret
;; .1:
;;     ucomiss xmm8, xmm8
;;     jp .2
;;     jmp .3
;; .2:
;;     ud2 7
;; .3:
;;     ud2 5

;; function 11 $trunc_u64:
;;     movaps xmm8, xmm0
;;     cvttsd2si rax, xmm8
;;     test rax, rax
;;     js .2
;; .1:
;;     ret
;; .2:
;;     ucomisd xmm8, xmm8
;;     jp .3
;;     movaps xmm15, xmm8
;;     subsd xmm15, [rip+.5]
;;     cvttsd2si rax, xmm15
;;     test rax, rax
;;     js .4
;;     bts rax, 0x3F
;;     jmp short .1
;; .3:
;;     ud2 7
;; .4:
;;     ud2 5
;; .5:
;;     00 00 00 00 00 00 e0 43
;;     00 00 00 00 00 00 00 00

;; function 12 $trunc_sat:
;;     movaps xmm8, xmm0
;;     cvttss2si rax, xmm8
;;     cmp rax, 1
;;     jo .2
;; .1:
;;     ret
;; .2:
;;     xorps xmm15, xmm15
;;     ucomiss xmm8, xmm15
;;     jp short .3
;;     jb short .1
;;     mov rax, 0x7FFFFFFFFFFFFFFF
;;     jmp short .1
;; .3:
;;     xor eax, eax
;;     jmp short .1

;; function 13 $trunc_sat_u32:
;;     movaps xmm8, xmm0
;;     cvttsd2si rax, xmm8
;;     mov rcx, rax
;;     shr rcx, 0x20
;;     jne .2
;; .1:
;;     ret
;; .2:
;;     xorps xmm15, xmm15
;;     ucomisd xmm8, xmm15
;;     jb .3
;;     mov eax, 0xFFFFFFFF
;;     jmp short .1
;; .3:
;;     xor eax, eax
;;     jmp short .1

;; function 14 $convert:
;;     xorps xmm0, xmm0
;;     cvtsi2sd xmm0, edi
;;     xorps xmm1, xmm1
;;     cvtsi2ss xmm1, rsi
;;     ret

;; function 15 $convert_u32:
;;     xorps xmm0, xmm0
;;     cvtsi2sd xmm0, rdi
;;     ret

;; function 16 $convert_u64:
;;     test rdi, rdi
;;     js .2
;;     xorps xmm0, xmm0
;;     cvtsi2sd xmm0, rdi
;; .1:
;;     ret
;; .2:
;;     mov rax, rdi
;;     shr rax, 1
;;     jae short .3
;;     or rax, 1
;; .3:
;;     xorps xmm0, xmm0
;;     cvtsi2sd xmm0, rax
;;     addsd xmm0, xmm0
;;     jmp short .1

;; function 17 $promote_and_demote:
;;     movaps xmm8, xmm0
;;     movaps xmm9, xmm1
;;     xorps xmm0, xmm0
;;     cvtss2sd xmm0, xmm8
;;     xorps xmm1, xmm1
;;     cvtsd2ss xmm1, xmm9
;;     ret

;; function 18 $reinterpret:
;;     movaps xmm8, xmm0
;;     movq rax, xmm8
;;     movd xmm0, edi
;;     ret
