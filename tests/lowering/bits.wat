;; BMI2, LZCNT, TZCNT and POPCNT.
(module
  (func $shl (param i32 i32) (result i32) (i32.shl (local.get 0) (local.get 1)))
  (func $shr_s (param i64 i64) (result i64) (i64.shr_s (local.get 0) (local.get 1)))
  (func $shr_u (param i32 i32) (result i32) (i32.shr_u (local.get 0) (local.get 1)))
  (func $rotl (param i32 i32) (result i32) (i32.rotl (local.get 0) (local.get 1)))
  (func $rotl_7 (param i32) (result i32) (i32.rotl (local.get 0) (i32.const 7)))
  (func $rotr_63 (param i64) (result i64) (i64.rotr (local.get 0) (i64.const 63)))
  (func $shl_3 (param i64) (result i64) (i64.shl (local.get 0) (i64.const 3)))
  (func $count_is_masked (param i32) (result i32) (i32.shr_u (local.get 0) (i32.const 33)))
  (func $clz (param i32) (result i32) (i32.clz (local.get 0)))
  (func $ctz (param i64) (result i64) (i64.ctz (local.get 0)))
  (func $popcnt (param i32) (result i32) (i32.popcnt (local.get 0)))
  (func $popcnt_in_place (param i64) (result i64)
    (local.set 0 (i64.popcnt (local.get 0)))
    (local.get 0))
)

;; function 0 $shl:
;;     sub rsp, 8
;;     shlx eax, edi, esi
;;     add rsp, 8
;;     ret

;; function 1 $shr_s:
;;     sub rsp, 8
;;     sarx rax, rdi, rsi
;;     add rsp, 8
;;     ret

;; function 2 $shr_u:
;;     sub rsp, 8
;;     shrx eax, edi, esi
;;     add rsp, 8
;;     ret

;; function 3 $rotl:
;;     sub rsp, 8
;;     mov ecx, esi
;;     mov eax, edi
;;     rol eax, cl
;;     add rsp, 8
;;     ret

;; function 4 $rotl_7:
;;     sub rsp, 8
;;     rorx eax, edi, 0x19
;;     add rsp, 8
;;     ret

;; function 5 $rotr_63:
;;     sub rsp, 8
;;     rorx rax, rdi, 0x3F
;;     add rsp, 8
;;     ret

;; function 6 $shl_3:
;;     sub rsp, 8
;;     mov rax, rdi
;;     shl rax, 3
;;     add rsp, 8
;;     ret

;; function 7 $count_is_masked:
;;     sub rsp, 8
;;     mov eax, edi
;;     shr eax, 1
;;     add rsp, 8
;;     ret

;; function 8 $clz:
;;     sub rsp, 8
;;     xor eax, eax
;;     lzcnt eax, edi
;;     add rsp, 8
;;     ret

;; function 9 $ctz:
;;     sub rsp, 8
;;     xor eax, eax
;;     tzcnt rax, rdi
;;     add rsp, 8
;;     ret

;; function 10 $popcnt:
;;     sub rsp, 8
;;     xor eax, eax
;;     popcnt eax, edi
;;     add rsp, 8
;;     ret

;; function 11 $popcnt_in_place:
;;     sub rsp, 8
;;     popcnt rdi, rdi
;;     mov rax, rdi
;;     add rsp, 8
;;     ret
