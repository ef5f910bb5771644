// Reads Kubernetes' objects with Kubernetes' own types, strictly: an unknown or repeated field is an
// error, and so is a name, a label or a port that no API server takes.
//
//	kube-oracle FILE...     says what is wrong with each object of each file
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	resourcev1beta1 "k8s.io/api/resource/v1beta1"
	resourcev1beta2 "k8s.io/api/resource/v1beta2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metavalidation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apimachinery/pkg/util/yaml"
)

type checker struct{ said []string }

func (c *checker) say(path string, what ...string) {
	for _, w := range what {
		c.said = append(c.said, path+": "+w)
	}
}

func (c *checker) meta(path string, meta *metav1.ObjectMeta, named bool) {
	if named {
		c.say(path+".name", validation.IsDNS1123Subdomain(meta.Name)...)
	}
	for _, e := range metavalidation.ValidateLabels(meta.Labels, field.NewPath(path, "labels")) {
		c.said = append(c.said, e.Error())
	}
	for key := range meta.Annotations {
		c.say(path+".annotations", validation.IsQualifiedName(key)...)
	}
}

func (c *checker) container(volumes map[string]bool, o *corev1.Container) {
	path := "container " + o.Name
	c.say(path, validation.IsDNS1123Label(o.Name)...)
	for _, e := range o.Env {
		c.say(path+" env "+e.Name, validation.IsEnvVarName(e.Name)...)
	}
	for _, p := range o.Ports {
		c.say(path+" port", validation.IsValidPortNum(int(p.ContainerPort))...)
	}
	for name := range o.Resources.Limits {
		c.say(path+" limit "+string(name), validation.IsQualifiedName(string(name))...)
	}
	places := map[string]bool{}
	for _, m := range o.VolumeMounts {
		if !volumes[m.Name] {
			c.say(path, "no volume "+m.Name)
		}
		if places[m.MountPath] {
			c.say(path, "twice: "+m.MountPath)
		}
		places[m.MountPath] = true
	}
}

func (c *checker) pod(spec *corev1.PodSpec) {
	volumes := map[string]bool{}
	for _, v := range spec.Volumes {
		c.say("volume "+v.Name, validation.IsDNS1123Label(v.Name)...)
		if volumes[v.Name] {
			c.say("volume "+v.Name, "twice")
		}
		volumes[v.Name] = true
	}
	for key, value := range spec.NodeSelector {
		c.say("nodeSelector", validation.IsQualifiedName(key)...)
		c.say("nodeSelector", validation.IsValidLabelValue(value)...)
	}
	if spec.Hostname != "" {
		c.say("hostname", validation.IsDNS1123Label(spec.Hostname)...)
	}
	if len(spec.Containers) == 0 {
		c.say("spec", "no container")
	}
	for i := range spec.Containers {
		c.container(volumes, &spec.Containers[i])
	}
}

func (c *checker) object(o runtime.Object) {
	switch o := o.(type) {
	case *corev1.Pod:
		c.meta("metadata", &o.ObjectMeta, true)
		c.pod(&o.Spec)
	case *appsv1.Deployment:
		c.meta("metadata", &o.ObjectMeta, true)
		c.meta("template", &o.Spec.Template.ObjectMeta, false)
		selector, err := metav1.LabelSelectorAsSelector(o.Spec.Selector)
		if err != nil || selector.Empty() {
			c.say("selector", fmt.Sprint("is none: ", err))
		} else if !selector.Matches(labels(o.Spec.Template.Labels)) {
			c.say("selector", "does not match the template")
		}
		c.pod(&o.Spec.Template.Spec)
	case *batchv1.Job:
		c.meta("metadata", &o.ObjectMeta, true)
		c.meta("template", &o.Spec.Template.ObjectMeta, false)
		c.pod(&o.Spec.Template.Spec)
	case *resourcev1.ResourceClaimTemplate:
		c.meta("metadata", &o.ObjectMeta, true)
	case *resourcev1beta1.ResourceClaimTemplate:
		c.meta("metadata", &o.ObjectMeta, true)
	case *resourcev1beta2.ResourceClaimTemplate:
		c.meta("metadata", &o.ObjectMeta, true)
	default:
		c.say("object", fmt.Sprintf("unexpected %T", o))
	}
}

type labels map[string]string

func (l labels) Has(key string) bool   { _, ok := l[key]; return ok }
func (l labels) Get(key string) string { return l[key] }
func (l labels) Lookup(key string) (string, bool) {
	value, ok := l[key]
	return value, ok
}

func check(decoder runtime.Decoder, path string) (said []string) {
	file, err := os.Open(path)
	if err != nil {
		return []string{err.Error()}
	}
	defer file.Close()
	reader := yaml.NewYAMLReader(bufio.NewReader(file))
	for n := 0; ; n++ {
		text, err := reader.Read()
		if err == io.EOF {
			if n == 0 {
				said = append(said, "no object")
			}
			return said
		}
		object, _, err := decoder.Decode(text, nil, nil)
		if err != nil {
			said = append(said, err.Error())
			continue
		}
		c := checker{}
		c.object(object)
		said = append(said, c.said...)
	}
}

func main() {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{corev1.AddToScheme, appsv1.AddToScheme,
		batchv1.AddToScheme, resourcev1.AddToScheme, resourcev1beta1.AddToScheme,
		resourcev1beta2.AddToScheme} {
		if err := add(scheme); err != nil {
			panic(err)
		}
	}
	decoder := serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
	bad := false
	for _, path := range os.Args[1:] {
		for _, what := range check(decoder, path) {
			fmt.Printf("%s: %s\n", path, what)
			bad = true
		}
	}
	if bad {
		os.Exit(1)
	}
}
