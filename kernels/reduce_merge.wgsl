// What reduce.wgsl keeps of some numbers, and how two such results become one: for OPERATION sum, sumOfSquares (of squares),
// max and argmax; for single numbers and, component by component, for four. Functions only.
//
// max: NaN if either is NaN. argmax: a NaN is larger than all numbers, and of equals the smaller index counts.

alias bool_f32 = bool;
alias bool_vec4f = vec4<bool>;
alias u32_f32 = u32;
alias u32_vec4f = vec4u;

//# for T in f32 vec4f
struct Result_${T} {
  value: ${T},
//# if OPERATION == argmax
  index: u32_${T},
//# end
}

fn is_nan_${T}(v: ${T}) -> bool_${T} { // by its bits, as in nan.wgsl
  return (bitcast<u32_${T}>(v) & u32_${T}(0x7fffffffu)) > u32_${T}(0x7f800000u);
}

fn merge_${T}(p: Result_${T}, q: Result_${T}) -> Result_${T} {
//# if OPERATION == argmax
  let larger = (q.value > p.value) | (is_nan_${T}(q.value) & !is_nan_${T}(p.value));
  let equal = (q.value == p.value) | (is_nan_${T}(q.value) & is_nan_${T}(p.value));
  // Parts may take turns, so among equals the smallest index must be looked for.
  let better = larger | (equal & (q.index < p.index));
  return Result_${T}(select(p.value, q.value, better), select(p.index, q.index, better));
//# else
//# if OPERATION == max
  let larger = select(p.value, q.value, q.value > p.value);
  return Result_${T}(select(larger, q.value, is_nan_${T}(q.value)));
//# else
  return Result_${T}(p.value + q.value);
//# end
//# end
}

//# end
