// Local response normalisation over neighbouring channels, or a step of its gradient (MODE), with the sum over the channels j
// from c - before to c + after that exist:
//   forward: y = x · s^-β,  s = k + α / size · Σ x_j²
//   terms:   y = dy · s^-β, t = dy · x · s^(-β - 1)   with the same s
//   collect: y = y - 2αβ / size · x · Σ t_j           before and after exchanged: the windows that have channel c;
//            times a slope, see epilogue.wgsl, which belongs to this mode alone
//
// x, dy, y, t (rows, channels, area) f32, or vec4 if VECTOR (area a multiple of 4). An invocation of 64 computes 4 neighbouring
// channels at one place, so that an input is read once for the windows that share it; flat workgroup index over
// rows · ⌈channels / 4⌉ · area. It reads TERMS = before + after + 4 channels, written out, or with TERMS = 0 in a loop, whose
// trips are the smaller of channels and before + after + 4, at most 65,535 as the host checks.
// Order of summation: channels ascending. Error, with u = 2⁻²⁴: of s (window + 3) · u, all terms being positive; of s^p =
// exp2(p · log2 s) what WGSL grants exp2 and log2; of collect (window + 3) · u · Σ|t|. A NaN reaches every window that has it.
// Source: A. Krizhevsky et al., NeurIPS 2012, section 3.3, with PyTorch's convention that α is divided by the size.

struct Uniforms {
  length: u32, // rows · groups · area
  channels: u32,
  groups: u32, // ⌈channels / 4⌉
  area: u32, // in vec4s if VECTOR
  before: u32,
  after: u32,
  factor: f32, // α / size, or 2αβ / size
  k: f32,
  beta: f32,
}

//# if VECTOR
alias Value = vec4f;
alias Bits = vec4u;
//# else
alias Value = f32;
alias Bits = u32;
//# end
@group(0) @binding(0) var<storage, read> x: array<Value>;
@group(0) @binding(1) var<storage, read_write> y: array<Value>;
@group(0) @binding(2) var<uniform> u: Uniforms;
//# if MODE == terms
@group(0) @binding(3) var<storage, read> dy: array<Value>;
@group(0) @binding(4) var<storage, read_write> t: array<Value>;
//# end
//# if MODE == collect
@group(0) @binding(3) var<storage, read> t: array<Value>;
//# end

// s^-β for s > 0; a logarithm may lose a NaN.
fn power_of(s: Value) -> Value {
  let is_number = (bitcast<Bits>(s) & Bits(0x7fffffffu)) <= Bits(0x7f800000u);
  return select(s, exp2(-u.beta * log2(s)), is_number);
}

fn term_of(at: u32) -> Value {
//# if MODE == collect
  return t[at];
//# else
  let v = x[at];
  return v * v;
//# end
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (workgroup.y * workgroups.x + workgroup.x) * 64u + lane;
  if (i >= u.length) {
    return;
  }
  let first = i / u.area % u.groups * 4u;
  let begin = i / (u.area * u.groups) * u.channels * u.area + i % u.area;
//# for C in 0..4
  var sum_${C} = Value();
//# end
//# if TERMS == 0
  let end = min(first + 4u + u.after, u.channels);
  for (var j = first - min(first, u.before); j < end; j++) {
    let term = term_of(begin + j * u.area);
//# for C in 0..4
    sum_${C} += select(Value(), term, j + u.before >= first + ${C}u && j <= first + ${C}u + u.after);
//# end
  }
//# else
//# for J in 0..TERMS
  {
    let j = first + ${J}u - u.before; // wraps around below channel 0
    let term = select(Value(), term_of(begin + min(j, u.channels - 1u) * u.area), j < u.channels);
//# for C in 0..4
    if (${J}u >= ${C}u && ${J}u < ${C}u + ${TERMS}u - 3u) {
      sum_${C} += term;
    }
//# end
  }
//# end
//# end
//# for C in 0..4
  if (first + ${C}u < u.channels) {
    let at = begin + (first + ${C}u) * u.area;
//# if MODE == collect
    y[at] = finish(at, y[at] - u.factor * x[at] * sum_${C});
//# else
    let s = u.k + u.factor * sum_${C};
    let power = power_of(s);
//# if MODE == forward
    y[at] = x[at] * power;
//# else
    y[at] = dy[at] * power;
    t[at] = dy[at] * x[at] * (power / s);
//# end
//# end
  }
//# end
}
